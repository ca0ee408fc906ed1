"""Written music: who plays which note when, drawn from a seeded generator."""

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.random import Generator

MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)
# Degrees of four-bar progressions, common ones in popular music.
PROGRESSIONS = (
    (0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 4, 3), (0, 3, 0, 4), (1, 4, 0, 0), (0, 2, 3, 4), (0, 6, 3, 0),
    (3, 4, 2, 5), (0, 0, 3, 4), (5, 4, 3, 4), (0, 1, 3, 4),
)  # fmt: skip
# General MIDI keys of the kit.
KICK, SNARE, CLAP, CLOSED_HAT, OPEN_HAT, RIDE, CRASH, SHAKER = 36, 38, 39, 42, 46, 51, 49, 70
TOMS = (41, 45, 48, 50)
PERCUSSION = (54, 56, 62, 63, 64, 69, 75)
STEPS = 16  # of a bar


@dataclass(frozen=True)
class Note:
    """One note: start and duration in seconds, MIDI key, velocity 1 to 127."""

    start: float
    duration: float
    key: int
    velocity: int


@dataclass(frozen=True)
class Harmony:
    """Tempo, key, scale and the chord of every bar."""

    tempo: float
    tonic: int
    scale: Sequence[int]
    degrees: Sequence[int]
    swing: float
    bars: int

    @property
    def step(self) -> float:
        """Seconds of a sixteenth."""
        return 15.0 / self.tempo

    def time(self, bar: int, step: float) -> float:
        """Start in seconds of a sixteenth; every second one comes late by the swing."""
        late = self.swing * self.step if step % 2 == 1 else 0.0
        return (bar * STEPS + step) * self.step + late

    def pitch(self, degree: int, lowest: int) -> int:
        """MIDI key of a scale degree counted up from the tonic at or above `lowest`."""
        octave, index = divmod(degree, len(self.scale))
        root = lowest + (self.tonic - lowest) % 12
        return root + 12 * octave + self.scale[index]

    def chord(self, bar: int, lowest: int, size: int) -> list[int]:
        """The keys of the bar's chord, folded into the octave and a half above `lowest`."""
        degree = self.degrees[bar % len(self.degrees)]
        keys = [self.pitch(degree + 2 * third, 0) for third in range(size)]
        return sorted(lowest + (key - lowest) % 12 + (12 if third > 2 else 0) for third, key in enumerate(keys))

    def root(self, bar: int, lowest: int) -> int:
        return lowest + (self.pitch(self.degrees[bar % len(self.degrees)], 0) - lowest) % 12


def harmony(random: Generator, seconds: float) -> Harmony:
    tempo = float(random.uniform(70, 165))
    bars = int(seconds * tempo / 240) + 1
    scale = MAJOR if random.random() < 0.5 else MINOR
    degrees = list(PROGRESSIONS[random.integers(len(PROGRESSIONS))])
    if random.random() < 0.3:
        degrees += list(PROGRESSIONS[random.integers(len(PROGRESSIONS))])
    swing = float(random.choice([0.0, 0.0, 0.0, 0.33]))
    return Harmony(tempo, int(random.integers(12)), scale, degrees, swing, bars)


def presence(random: Generator, bars: int, chance: float) -> list[bool]:
    """For every bar whether a part plays: it comes and goes in blocks of four bars, and plays at least one."""
    blocks = [bool(random.random() < chance) for _ in range(bars // 4 + 1)]
    if not any(blocks[: max(1, bars // 4)]):
        blocks[0] = True
    return [blocks[bar // 4] for bar in range(bars)]


def _velocity(random: Generator, centre: float, spread: float = 10) -> int:
    return int(min(127, max(20, random.normal(centre, spread))))


def _drum_pattern(random: Generator) -> dict[int, list[float]]:
    """For every key of the kit the chance of a hit on each sixteenth of a bar."""
    pattern = {key: [0.0] * STEPS for key in (KICK, SNARE, CLOSED_HAT, OPEN_HAT)}
    if random.random() < 0.35:  # four on the floor
        kicks = {0: 1.0, 4: 1.0, 8: 1.0, 12: 1.0}
    else:
        kicks = {0: 1.0, int(random.choice([6, 7, 8, 10])): 0.95, int(random.choice([3, 10, 11, 14])): 0.5}
    for step, chance in kicks.items():
        pattern[KICK][step] = chance
    backbeat = CLAP if random.random() < 0.2 else SNARE
    pattern.setdefault(backbeat, [0.0] * STEPS)
    for step in (4, 12) if random.random() < 0.85 else (8,):
        pattern[backbeat][step] = 0.98
    if random.random() < 0.4:  # ghost notes
        for step in random.choice(STEPS, 3, replace=False):
            pattern[SNARE][int(step)] = max(pattern[SNARE][int(step)], 0.25)
    timekeeper = int(random.choice([CLOSED_HAT, CLOSED_HAT, CLOSED_HAT, RIDE, SHAKER]))
    every = int(random.choice([1, 2, 2, 2, 4]))
    pattern[timekeeper] = [0.93 if step % every == 0 else 0.08 for step in range(STEPS)]
    if random.random() < 0.5:
        pattern[OPEN_HAT][int(random.choice([2, 6, 10, 14]))] = 0.7
    if random.random() < 0.3:
        key = int(random.choice(PERCUSSION))
        pattern[key] = [float(chance) for chance in random.choice([0.0, 0.0, 0.6], STEPS)]
    return pattern


def drums(random: Generator, song: Harmony) -> list[Note]:
    pattern, plays, notes = _drum_pattern(random), presence(random, song.bars, 0.93), []
    for bar in range(song.bars):
        if not plays[bar]:
            continue
        fill = bar % 4 == 3 and random.random() < 0.5
        for key, chances in pattern.items():
            for step, chance in enumerate(chances):
                if random.random() < chance and not (fill and step >= 12 and key != KICK):
                    accent = 108 if step % 4 == 0 else 84
                    loudness = accent if chance > 0.3 else 50
                    notes.append(Note(song.time(bar, step), 0.3, key, _velocity(random, loudness)))
        if fill:
            for step in range(12, STEPS):
                key = int(random.choice([SNARE, *TOMS]))
                notes.append(Note(song.time(bar, step), 0.3, key, _velocity(random, 100)))
        if bar % 4 == 0 and random.random() < 0.5:
            notes.append(Note(song.time(bar, 0), 1.5, CRASH, _velocity(random, 100)))
    return notes


def bass(random: Generator, song: Harmony) -> list[Note]:
    plays, notes = presence(random, song.bars, 0.93), []
    style = str(random.choice(["eighths", "sparse", "walking", "octaves", "long"]))
    starts = {
        "eighths": list(range(0, STEPS, 2)),
        "sparse": sorted({0, *(int(step) for step in random.choice(STEPS, 4, replace=False))}),
        "walking": [0, 4, 8, 12],
        "octaves": list(range(0, STEPS, 2)),
        "long": [0],
    }[style]
    lowest = int(random.choice([28, 30, 33]))
    length = float(random.uniform(0.5, 0.98))
    for bar in range(song.bars):
        if not plays[bar]:
            continue
        root, fifth = song.root(bar, lowest), song.root(bar, lowest) + 7
        for index, step in enumerate(starts):
            following = starts[index + 1] if index + 1 < len(starts) else STEPS
            key = root
            if style == "walking":
                key = song.chord(bar, lowest, 3)[int(random.integers(3))] if index else root
            elif style == "octaves":
                key = root + 12 * (index % 2)
            elif random.random() < 0.15:
                key = fifth
            duration = (following - step) * song.step * length
            notes.append(Note(song.time(bar, step), duration, key, _velocity(random, 96)))
    return notes


def accompaniment(random: Generator, song: Harmony) -> list[Note]:
    """Chords, broken chords or a tune."""
    plays = presence(random, song.bars, 0.8)
    style = str(random.choice(["held", "stabs", "rhythm", "arpeggio", "arpeggio", "tune"]))
    write = {"arpeggio": _arpeggio, "tune": _tune}.get(style)
    if write:
        return write(random, song, plays)
    lowest, size = int(random.integers(50, 64)), int(random.choice([3, 3, 4]))
    starts = {
        "held": [0],
        "stabs": sorted(int(step) for step in random.choice(STEPS, 3, replace=False)),
        "rhythm": [step for step in range(0, STEPS, 2) if random.random() < 0.75] or [0],
    }[style]
    length = 0.4 if style == "stabs" else 0.95
    notes = []
    for bar in range(song.bars):
        if not plays[bar]:
            continue
        for index, step in enumerate(starts):
            following = starts[index + 1] if index + 1 < len(starts) else STEPS
            strum = float(random.uniform(0, 0.015))
            for voice, key in enumerate(song.chord(bar, lowest, size)):
                duration = (following - step) * song.step * length
                notes.append(Note(song.time(bar, step) + voice * strum, duration, key, _velocity(random, 82)))
    return notes


def _arpeggio(random: Generator, song: Harmony, plays: Sequence[bool]) -> list[Note]:
    every, lowest = int(random.choice([1, 2, 2])), int(random.integers(52, 68))
    order = [int(place) for place in random.integers(0, 4, STEPS)]
    return [
        Note(
            song.time(bar, step),
            every * song.step * 1.2,
            song.chord(bar, lowest, 4)[order[step]],
            _velocity(random, 88),
        )
        for bar in range(song.bars)
        if plays[bar]
        for step in range(0, STEPS, every)
    ]


def _tune(random: Generator, song: Harmony, plays: Sequence[bool]) -> list[Note]:
    notes = [note for note in melody(random, song, int(random.integers(60, 72))) if plays[_bar(song, note)]]
    return [Note(note.start, note.duration, note.key, _velocity(random, 95)) for note in notes]


def _bar(song: Harmony, note: Note) -> int:
    return min(song.bars - 1, int(note.start / (STEPS * song.step)))


def melody(random: Generator, song: Harmony, lowest: int) -> list[Note]:
    """A tune of one voice within about an octave and a half, in phrases of two bars with rests between."""
    plays, notes, degree = presence(random, song.bars, 0.95), [], int(random.integers(0, 5))
    density = float(random.uniform(0.5, 0.75))
    for bar in range(0, song.bars, 2):
        if not plays[bar]:
            continue
        step, end = int(random.choice([0, 0, 2, 4])), int(random.choice([24, 26, 28, 30]))
        while step < end:
            length = int(random.choice([1, 2, 2, 3, 4, 4, 6, 8]))
            length = min(max(1, length), end - step)
            if random.random() < density + 0.25:
                degree = int(min(10, max(-1, degree + random.choice([-3, -2, -1, -1, 0, 1, 1, 2, 3]))))
                key = song.pitch(degree, lowest)
                start = song.time(bar + step // STEPS, step % STEPS)
                notes.append(Note(start, length * song.step * 0.97, key, _velocity(random, 92)))
            step += length
    return notes
