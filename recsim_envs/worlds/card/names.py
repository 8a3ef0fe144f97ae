"""What the card's keys are called where people read them."""

from __future__ import annotations

from typing import Final

PREDICTORS: Final = {
    "model": "the model",
    "rewards": "rewards of the world",
    "mf": "matrix factorisation",
    "bias_only": "user and item biases",
    "global_mean": "global mean",
}
FIGURES: Final = {
    "rmse": "RMSE",
    "mae": "MAE",
    "auc": "AUC",
    "ndcg": "NDCG@10",
    "pairs": "pairs in order",
    "calibration_error": "calibration error",
}
RATING_SETS: Final = {
    "observed": "observed",
    "same_pairs": "simulated, same pairs",
    "all_pairs": "simulated, all pairs",
}
