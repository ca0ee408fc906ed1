//! What the example uses of demucs_ort/c_api.h, c_api_deck.h and c_api_stream.h. Those headers are the documentation.

use std::os::raw::{c_char, c_void};

pub const OK: i32 = 0;
pub const ABI_VERSION: u32 = 1;
pub const QUALITY_FINAL: i32 = 2;
pub const DECK_DONE: i32 = 2;
pub const DECK_FAILED: i32 = 3;

/// Types of C that are known by pointer only.
macro_rules! opaque {
    ($($name:ident),*) => { $(#[repr(C)] pub struct $name { _private: [u8; 0] })* };
}
opaque!(Cancel, Model, ModelOptions, Separator, SeparatorOptions, Pool, PoolOptions, Deck, DeckOptions, Stream);

#[repr(C)]
pub struct ModelInfo {
    pub struct_size: usize,
    pub name: *const c_char,
    pub sources: *const *const c_char,
    pub source_count: usize,
    pub channels: usize,
    pub segment_frames: usize,
    pub sample_rate: i32,
    pub trained: i32,
    pub precision: *const c_char,
    pub weights_sha256: *const c_char,
    pub demucs_version: *const c_char,
    pub description: *const c_char,
    pub provider: *const c_char,
    pub runtime_version: *const c_char,
    pub members: *const *const c_char,
    pub member_count: usize,
    pub max_concurrent_runs: u32,
    pub max_batch: u32,
    pub threads: u32,
}

#[repr(C)]
pub struct DeckState {
    pub struct_size: usize,
    pub stage: i32,
    pub error: i32,
    pub fraction: f64,
    pub ready_frames: usize,
    pub final_frames: usize,
    pub cached_bytes: usize,
    pub spilled_bytes: usize,
    pub segments: u64,
    pub provisional: u64,
    pub message: [c_char; 512],
}

#[repr(C)]
pub struct StreamOptions {
    pub struct_size: usize,
    pub hop: f64,
    pub lookahead: f64,
    pub crossfade: f64,
    pub compute_time: f64,
    pub stems: *const *const c_char,
    pub stem_count: usize,
    pub two_stems: *const c_char,
    pub residual_to: *const c_char,
    pub other_method: i32,
    pub underrun: i32,
    pub priority: i32,
}

pub type Progress = extern "C" fn(user_data: *mut c_void, stage: i32, fraction: f64) -> i32;
pub type Read = extern "C" fn(
    user_data: *mut c_void,
    first: usize,
    frames: usize,
    channels: *const *mut f32,
    delivered: *mut usize,
) -> i32;

extern "C" {
    pub fn demucs_ort_last_error() -> *const c_char;
    pub fn demucs_ort_check_abi(abi_version: u32) -> i32;

    pub fn demucs_ort_model_load(path: *const c_char, options: *const ModelOptions, model: *mut *mut Model) -> i32;
    pub fn demucs_ort_model_free(model: *mut Model);
    pub fn demucs_ort_model_get_info(model: *const Model, info: *mut ModelInfo) -> i32;

    pub fn demucs_ort_separator_create(
        model: *const Model,
        options: *const SeparatorOptions,
        separator: *mut *mut Separator,
    ) -> i32;
    pub fn demucs_ort_separator_free(separator: *mut Separator);
    pub fn demucs_ort_separate(
        separator: *mut Separator,
        mix: *const *const f32,
        frames: usize,
        stems: *const *const *mut f32,
        progress: Option<Progress>,
        user_data: *mut c_void,
        cancel: *const Cancel,
    ) -> i32;

    pub fn demucs_ort_deck_pool_create(model: *const Model, options: *const PoolOptions, pool: *mut *mut Pool) -> i32;
    pub fn demucs_ort_deck_pool_free(pool: *mut Pool);
    pub fn demucs_ort_deck_create(
        pool: *mut Pool,
        read: Option<Read>,
        user_data: *mut c_void,
        frames: usize,
        options: *const DeckOptions,
        deck: *mut *mut Deck,
    ) -> i32;
    pub fn demucs_ort_deck_free(deck: *mut Deck);
    pub fn demucs_ort_deck_set_playhead(deck: *mut Deck, frame: usize);
    pub fn demucs_ort_deck_read(
        deck: *mut Deck,
        frame: usize,
        frames: usize,
        stems: *const *const *mut f32,
        quality: *mut i32,
    ) -> usize;
    pub fn demucs_ort_deck_get_state(deck: *const Deck, state: *mut DeckState) -> i32;

    pub fn demucs_ort_stream_options_init(options: *mut StreamOptions, struct_size: usize) -> i32;
    pub fn demucs_ort_stream_create(
        model: *const Model,
        options: *const StreamOptions,
        stream: *mut *mut Stream,
    ) -> i32;
    pub fn demucs_ort_stream_free(stream: *mut Stream);
    pub fn demucs_ort_stream_process(
        stream: *mut Stream,
        input: *const *const f32,
        output: *const *const *mut f32,
        frames: usize,
    );
    pub fn demucs_ort_stream_render(
        stream: *mut Stream,
        input: *const *const f32,
        output: *const *const *mut f32,
        frames: usize,
    ) -> i32;
    pub fn demucs_ort_stream_reset(stream: *mut Stream);
    pub fn demucs_ort_stream_latency_frames(stream: *const Stream) -> usize;
}
