"""The sides of the race: the folder of each one's pieces, and what pages call it."""

from __future__ import annotations

OURS, OPTUNA, OPTUNA_SHORT, BY_HAND = "ours", "theirs", "theirs-short", "by-hand"

THE_SUITE = "the suite"
RIVALS = {  # in the order in which they race and are told
    OPTUNA: "Optuna over trainings",
    OPTUNA_SHORT: "Optuna, trials a third as long",
    BY_HAND: "the hand-made CNN",
}
