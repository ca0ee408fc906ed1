//! Stems from Rust through the C interface, without a crate: of a whole track, of a deck and of a stream.
//!
//! usage: stems MODEL MIX FOLDER
//!   MIX is raw float32 at the model's rate: all of the left channel, then all of the right one. FOLDER gets files of
//!   the same kind, separate_STEM.f32, deck_STEM.f32 and stream_STEM.f32.
//!
//! build: rustc --edition 2021 examples/rust/stems.rs $(pkg-config --static --libs demucs_ort)

mod demucs_ort;

use demucs_ort as c;
use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_void};
use std::ptr::{null, null_mut};

const CHANNELS: usize = 2;
const BLOCK: usize = 512;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn text(from_c: *const c_char) -> String {
    unsafe { CStr::from_ptr(from_c) }.to_string_lossy().into_owned()
}

/// The library's sentence, if a call has failed.
fn check(status: i32) -> Outcome<()> {
    match status {
        c::OK => Ok(()),
        _ => Err(text(unsafe { c::demucs_ort_last_error() }).into()),
    }
}

/// A handle of C with the function that frees it.
struct Handle<T>(*mut T, unsafe extern "C" fn(*mut T));

impl<T> Handle<T> {
    fn made(make: impl FnOnce(*mut *mut T) -> i32, free: unsafe extern "C" fn(*mut T)) -> Outcome<Self> {
        let mut pointer = null_mut();
        check(make(&mut pointer))?;
        Ok(Handle(pointer, free))
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        unsafe { (self.1)(self.0) }
    }
}

fn load(path: &str) -> Outcome<Handle<c::Model>> {
    let path = CString::new(path)?;
    Handle::made(|made| unsafe { c::demucs_ort_model_load(path.as_ptr(), null(), made) }, c::demucs_ort_model_free)
}

fn sources(model: &Handle<c::Model>) -> Outcome<Vec<String>> {
    let mut info: c::ModelInfo = unsafe { std::mem::zeroed() };
    info.struct_size = std::mem::size_of::<c::ModelInfo>();
    check(unsafe { c::demucs_ort_model_get_info(model.0, &mut info) })?;
    if info.channels != CHANNELS {
        return Err(format!("'{}' is not for stereo", text(info.name)).into());
    }
    let names = unsafe { std::slice::from_raw_parts(info.sources, info.source_count) };
    Ok(names.iter().map(|&name| text(name)).collect())
}

/// The channels of a mix.
struct Mix(Vec<Vec<f32>>);

impl Mix {
    fn read(path: &str) -> Outcome<Self> {
        let bytes = std::fs::read(path)?;
        if bytes.is_empty() || bytes.len() % (4 * CHANNELS) != 0 {
            return Err(format!("'{}' does not hold the float32 samples of two channels", path).into());
        }
        let samples: Vec<f32> =
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
        Ok(Mix(samples.chunks_exact(samples.len() / CHANNELS).map(<[f32]>::to_vec).collect()))
    }

    fn frames(&self) -> usize {
        self.0[0].len()
    }

    /// mix[channel][frame] of C, from a frame on.
    fn pointers(&self, first: usize) -> Vec<*const f32> {
        self.0.iter().map(|channel| channel[first..].as_ptr()).collect()
    }
}

/// Stems, one channel after the other.
struct Stems(Vec<Vec<f32>>);

impl Stems {
    fn new(stems: usize, frames: usize) -> Self {
        Stems(vec![vec![0.0; frames]; stems * CHANNELS])
    }

    /// Calls `use_it` with stems[stem][channel][frame] of C, from a frame on.
    fn with_pointers<T>(&mut self, first: usize, use_it: impl FnOnce(*const *const *mut f32) -> T) -> T {
        let rows: Vec<*mut f32> = self.0.iter_mut().map(|row| row[first..].as_mut_ptr()).collect();
        let stems: Vec<*const *mut f32> = rows.chunks(CHANNELS).map(<[*mut f32]>::as_ptr).collect();
        use_it(stems.as_ptr())
    }

    fn write(&self, folder: &str, what: &str, names: &[String], first: usize) -> Outcome<()> {
        for (name, rows) in names.iter().zip(self.0.chunks(CHANNELS)) {
            let bytes: Vec<u8> = rows.iter().flat_map(|row| &row[first..]).flat_map(|x| x.to_le_bytes()).collect();
            std::fs::write(format!("{}/{}_{}.f32", folder, what, name), bytes)?;
        }
        Ok(())
    }
}

fn separate(model: &Handle<c::Model>, mix: &Mix, stems: &mut Stems) -> Outcome<()> {
    let separator = Handle::made(
        |made| unsafe { c::demucs_ort_separator_create(model.0, null(), made) },
        c::demucs_ort_separator_free,
    )?;
    let channels = mix.pointers(0);
    check(stems.with_pointers(0, |out| unsafe {
        c::demucs_ort_separate(separator.0, channels.as_ptr(), mix.frames(), out, None, null_mut(), null())
    }))
}

/// The deck's threads ask for frames of the mix here. A panic must not leave it, so nothing in it can panic.
extern "C" fn read_mix(
    user_data: *mut c_void,
    first: usize,
    frames: usize,
    channels: *const *mut f32,
    delivered: *mut usize,
) -> i32 {
    let mix = unsafe { &*(user_data as *const Mix) };
    let count = frames.min(mix.frames().saturating_sub(first));
    for (number, channel) in mix.0.iter().enumerate() {
        unsafe { std::ptr::copy_nonoverlapping(channel.as_ptr().add(first), *channels.add(number), count) };
    }
    unsafe { *delivered = count };
    0
}

fn state(deck: &Handle<c::Deck>) -> Outcome<c::DeckState> {
    let mut state: c::DeckState = unsafe { std::mem::zeroed() };
    state.struct_size = std::mem::size_of::<c::DeckState>();
    check(unsafe { c::demucs_ort_deck_get_state(deck.0, &mut state) })?;
    match state.stage {
        c::DECK_FAILED => Err(text(state.message.as_ptr()).into()),
        _ => Ok(state),
    }
}

/// Plays the mix once, in blocks, each as soon as its stems are final; where a player would play what there is.
fn play(model: &Handle<c::Model>, mix: &Mix, stems: &mut Stems) -> Outcome<c::DeckState> {
    let pool = Handle::made(
        |made| unsafe { c::demucs_ort_deck_pool_create(model.0, null(), made) },
        c::demucs_ort_deck_pool_free,
    )?;
    let user_data = mix as *const Mix as *mut c_void;
    let deck = Handle::made(
        |made| unsafe { c::demucs_ort_deck_create(pool.0, Some(read_mix), user_data, mix.frames(), null(), made) },
        c::demucs_ort_deck_free,
    )?;
    let mut at = 0;
    while at < mix.frames() {
        let mut quality = 0;
        unsafe { c::demucs_ort_deck_set_playhead(deck.0, at) };
        let count = stems.with_pointers(at, |out| unsafe {
            c::demucs_ort_deck_read(deck.0, at, BLOCK.min(mix.frames() - at), out, &mut quality)
        });
        if quality == c::QUALITY_FINAL {
            at += count;
        } else {
            state(&deck)?; // an error ends it
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    loop {
        let now = state(&deck)?;
        if now.stage == c::DECK_DONE {
            return Ok(now);
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Renders the mix, and silence after it until the last stems are there. Returns the latency.
fn stream(model: &Handle<c::Model>, mix: Mix, count: usize) -> Outcome<(Stems, usize)> {
    let mut options: c::StreamOptions = unsafe { std::mem::zeroed() };
    check(unsafe { c::demucs_ort_stream_options_init(&mut options, std::mem::size_of::<c::StreamOptions>()) })?;
    let stream = Handle::made(
        |made| unsafe { c::demucs_ort_stream_create(model.0, &options, made) },
        c::demucs_ort_stream_free,
    )?;
    let latency = unsafe { c::demucs_ort_stream_latency_frames(stream.0) };
    let mix = Mix(mix.0.into_iter().map(|channel| [channel, vec![0.0; latency]].concat()).collect());
    let mut stems = Stems::new(count, mix.frames());

    // On an audio thread. There is silence first, however fast blocks come.
    for at in (0..latency).step_by(BLOCK) {
        let frames = BLOCK.min(latency - at);
        let channels = mix.pointers(at);
        stems
            .with_pointers(at, |out| unsafe { c::demucs_ort_stream_process(stream.0, channels.as_ptr(), out, frames) });
    }
    if stems.0.iter().any(|row| row[..latency].iter().any(|&sample| sample != 0.0)) {
        return Err("a stream gave something else than silence during its latency".into());
    }

    // Elsewhere, at any pace.
    unsafe { c::demucs_ort_stream_reset(stream.0) };
    for at in (0..mix.frames()).step_by(BLOCK) {
        let channels = mix.pointers(at);
        let frames = BLOCK.min(mix.frames() - at);
        check(stems.with_pointers(at, |out| unsafe {
            c::demucs_ort_stream_render(stream.0, channels.as_ptr(), out, frames)
        }))?;
    }
    Ok((stems, latency))
}

fn run(model: &str, mix: &str, folder: &str) -> Outcome<()> {
    check(unsafe { c::demucs_ort_check_abi(c::ABI_VERSION) })?;
    let model = load(model)?;
    let names = sources(&model)?;
    let mix = Mix::read(mix)?;

    let mut stems = Stems::new(names.len(), mix.frames());
    separate(&model, &mix, &mut stems)?;
    stems.write(folder, "separate", &names, 0)?;
    println!("separated {} frames", mix.frames());

    let mut stems = Stems::new(names.len(), mix.frames());
    let state = play(&model, &mix, &mut stems)?;
    stems.write(folder, "deck", &names, 0)?;
    println!("played {} frames, {} % final", mix.frames(), 100.0 * state.fraction);

    let (stems, latency) = stream(&model, mix, names.len())?;
    stems.write(folder, "stream", &names, latency)?;
    println!("streamed with a latency of {} frames", latency);
    Ok(())
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let outcome = match &arguments[..] {
        [_, model, mix, folder] => run(model, mix, folder),
        _ => Err("usage: stems MODEL MIX FOLDER".into()),
    };
    if let Err(error) = outcome {
        eprintln!("{}", error);
        std::process::exit(1);
    }
}
