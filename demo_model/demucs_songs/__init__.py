"""Songs made by a program, seeded, with their stems known: to train, measure and show separation with."""

from .instruments import RATE, MissingInstrument
from .song import HELD_OUT, STEMS, Palette, Song, synthesise

__all__ = ["HELD_OUT", "RATE", "STEMS", "MissingInstrument", "Palette", "Song", "synthesise"]
