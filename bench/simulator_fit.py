"""Fits the figures of the simulated feed to the UCI file: a latent class model and a logistic model of REVENUE.

`intent_platform.sessions.simulated` explains the figures and draws sessions from them. The figures do not contain
single rows: they are shares within classes of sessions, in 1024ths.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from bench.simulator_variables import Floats, Variable, context, encode, read, special_day
from intent_platform.sessions.simulated.figures import SHARES, Figures, figures_of
from intent_platform.sessions.simulated.sessions import BLOCK_ROWS, Sessions
from intent_platform.tables import MONTH_NAMES, VISITOR_TYPES

LEVELS = (0.0, 5.0, 15.0, 40.0)  # bounds of the levels of PAGEVALUES; effects on REVENUE may differ by level


@dataclass(frozen=True)
class Classes:
    """A fitted latent class model: `shares[name]` is (classes, bins), `weights` is (classes,)."""

    weights: Floats
    shares: dict[str, Floats]
    log_likelihood: float


def fit_classes(
    variables: dict[str, Variable], classes: int, seed: int, rounds: int = 80, prior: float = 2.0
) -> Classes:
    """Fit by expectation maximisation, and smooth each share with `prior` sessions of the overall mix."""
    random = np.random.default_rng(seed)
    n = len(next(iter(variables.values())).codes)
    hot = {name: _one_hot(variable) for name, variable in variables.items()}
    overall = {name: np.maximum(h.sum(axis=0), 0.5) / max(h.sum(), 1) for name, h in hot.items()}
    member = random.dirichlet(np.full(classes, 0.05), size=n)
    value = -np.inf
    weights, shares = np.empty(classes), {}
    for _ in range(rounds):
        size = member.sum(axis=0)
        weights = (size + 1) / (n + classes)
        shares = {name: _smoothed(member.T @ h, overall[name], prior) for name, h in hot.items()}
        logs = np.log(weights)[None, :] + sum(h @ np.log(shares[name]).T for name, h in hot.items())
        peak = logs.max(axis=1, keepdims=True)
        member = np.exp(logs - peak)
        total = member.sum(axis=1, keepdims=True)
        member /= total
        value = float((np.log(total) + peak).mean())
    return Classes(weights, shares, value)


def _one_hot(variable: Variable) -> Floats:
    hot = np.zeros((len(variable.codes), variable.bins), dtype=np.float32)
    at = np.flatnonzero(variable.codes >= 0)
    hot[at, variable.codes[at]] = 1
    return hot  # type: ignore[return-value]


def _smoothed(counts: Floats, overall: Floats, prior: float) -> Floats:
    shares = counts + prior * overall
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float64)


def in_shares(shares: Floats, weights: Floats) -> list[list[int]]:
    """Each class's shares as whole 1024ths. Rounding errors of one class are compensated in the next one."""
    owed = np.zeros(shares.shape[1])
    rows = []
    for at in np.argsort(weights):
        exact = shares[at] * SHARES + owed / max(weights[at], 1e-9)
        whole = np.maximum(np.floor(np.maximum(exact, 0)), 0).astype(int)
        while whole.sum() != SHARES:
            step = 1 if whole.sum() < SHARES else -1
            room = (exact - whole) * step
            room[(whole == 0) & (step < 0)] = -np.inf
            whole[int(np.argmax(room))] += step
        owed += (shares[at] * SHARES - whole) * weights[at]
        owed = np.clip(owed, -0.02, 0.02)
        rows.append((int(at), whole.tolist()))
    return [row for _, row in sorted(rows)]


def fit_revenue(rows: pd.DataFrame, variables: dict[str, Variable], strength: float = 0.4) -> dict[str, Any]:
    """Fit a logistic model with an effect for each bin of each variable, at each level of PAGEVALUES."""
    level = np.searchsorted(LEVELS, rows.PAGEVALUES.to_numpy(), side="left")
    names = [name for name in variables if name != "PAGEVALUES"]
    blocks, where = [_one_hot(variables["PAGEVALUES"])], {}
    width = blocks[0].shape[1]
    for name in names:
        hot = _one_hot(variables[name])
        apart = [np.where((level == at)[:, None], hot, 0) for at in range(len(LEVELS) + 1)]
        block = np.concatenate([hot * 1.0, *(0.7 * part for part in apart)], axis=1)
        where[name] = (width, hot.shape[1])
        width += block.shape[1]
        blocks.append(block)
    matrix = np.concatenate(blocks, axis=1)
    model = LogisticRegression(C=strength, max_iter=500).fit(matrix, rows.REVENUE.astype(int))
    effects = model.coef_[0]
    tables = {}
    for name, (start, bins) in where.items():
        shared = effects[start : start + bins]
        apart_effects = effects[start + bins : start + bins * (len(LEVELS) + 2)].reshape(len(LEVELS) + 1, bins)
        tables[name] = shared[None, :] + 0.7 * apart_effects
    return {
        "intercept": float(model.intercept_[0]),
        "PAGEVALUES": effects[: variables["PAGEVALUES"].bins],
        "tables": tables,
    }


def figures(path: str, classes: int, seed: int) -> dict[str, Any]:
    """Fit all figures, in the form of figures.json."""
    rows = read(path)
    variables, around = encode(rows), context(rows)
    model = fit_classes({**variables, **around}, classes, seed)
    around["SPECIALDAY"] = special_day(rows)
    told = [name for name in around if name not in ("REVENUE", "SPECIAL")]
    revenue = fit_revenue(rows, {**variables, **{name: around[name] for name in told}})
    tables = revenue["tables"]
    own = np.repeat(revenue["PAGEVALUES"][None, :], len(LEVELS) + 1, axis=0)
    raw = {
        "fitted_to": "UCI data set 468, doi 10.24432/C5F88Q",
        "class_weights": _digits(model.weights),
        "context_shares": {
            name: _digits(_all_months(model.shares[name]) if name == "MONTH" else model.shares[name])
            for name in ("MONTH", "SPECIAL", "VISITORTYPE", "WEEKEND")
        },
        "variables": {
            name: {
                "low": _digits(variable.low),
                "high": _digits(variable.high),
                "snapped_from": variable.snapped_from,
                "shares": in_shares(model.shares[name], model.weights),
                "effects": _digits(own if name == "PAGEVALUES" else tables[name], 3),
            }
            for name, variable in variables.items()
        },
        "intercept": round(revenue["intercept"], 4),
        "context_effects": {
            name: _digits(_all_months(tables[name]) if name == "MONTH" else tables[name], 3) for name in told
        },
        "visitor_shares": _digits(_visitor_shares(rows)),
        "month_volume": _digits(_month_volume(rows)),
        "weekend_volume": _digits(_weekend_volume(rows)),
        "pagevalue_levels": np.searchsorted(
            LEVELS, variables["PAGEVALUES"].low + 1e-6 * (variables["PAGEVALUES"].low > 0)
        ).tolist(),
    }

    return _calibrated(raw, rows)


def _calibrated(raw: dict[str, Any], rows: pd.DataFrame, rounds: int = 4, prior: float = 20.0) -> dict[str, Any]:
    """Shift the log-odds of each month until simulated sessions are purchases as often as real ones.

    The real rate of a month is smoothed with `prior` sessions of the overall rate.
    """
    month = rows.MONTH.map({name: at for at, name in enumerate(MONTH_NAMES)})
    effects = np.array(raw["context_effects"]["MONTH"])
    overall = rows.REVENUE.mean()
    for _ in range(rounds):
        figures = figures_of(raw)
        for at in sorted(set(month)):
            bought = rows.REVENUE[month == at]
            wanted = (bought.sum() + prior * overall) / (len(bought) + prior)
            effects[:, at] += _logit(wanted) - _logit(_simulated_conversion(figures, at, len(bought)))
        raw["context_effects"]["MONTH"] = _digits(_all_months(effects), 3)
    return raw


def _simulated_conversion(figures: Figures, month: int, seed: int) -> float:
    bought = []
    for day in range(1, 29):
        random = np.random.default_rng([seed, day])
        sessions = Sessions(figures, seed, date(2025, month + 1, day))
        n = int(BLOCK_ROWS // 8 * figures.weekend_volume[int(sessions.day.weekday() >= 5)])
        kinds = random.choice(
            len(VISITOR_TYPES), n, p=figures.visitor_shares[month] / figures.visitor_shares[month].sum()
        )
        traits = random.integers(0, 2**64, n, dtype=np.uint64)
        bought.append(sessions.block(0, kinds.astype(np.uint8), traits)["REVENUE"])
    return float(np.concatenate(bought).mean())


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def _all_months(by_month: Floats) -> Floats:
    """Fill the two months that UCI lacks: January and April are halfway between their neighbours."""
    filled = by_month.copy()
    filled[:, 0] = (by_month[:, 11] + by_month[:, 1]) / 2
    filled[:, 3] = (by_month[:, 2] + by_month[:, 4]) / 2
    return filled


def _visitor_shares(rows: pd.DataFrame, prior: float = 20.0) -> Floats:
    month = rows.MONTH.map({name: at for at, name in enumerate(MONTH_NAMES)}).to_numpy()
    kind = rows.VISITORTYPE.map({name: at for at, name in enumerate(VISITOR_TYPES)}).to_numpy()
    counts = np.zeros((12, len(VISITOR_TYPES)))
    np.add.at(counts, (month, kind), 1)
    shares = _smoothed(counts, counts.sum(axis=0) / counts.sum(), prior)
    return _all_months(shares.T).T


def _month_volume(rows: pd.DataFrame) -> Floats:
    """The cube root of UCI's monthly counts, which differ eighteenfold, scaled to a mean of 1 over the year."""
    counts = rows.MONTH.map({name: at for at, name in enumerate(MONTH_NAMES)}).value_counts()
    volume = _all_months(np.array([counts.get(at, 0) for at in range(12)], dtype=float)[None, :])[0] ** (1 / 3)
    return np.asarray(volume / volume.mean())


def _weekend_volume(rows: pd.DataFrame) -> Floats:
    """The sessions of a weekday and of a weekend day, relative to the mean day."""
    weekend = rows.WEEKEND.mean()
    return np.array([(1 - weekend) * 7 / 5, weekend * 7 / 2])


def _digits(x: Floats, decimals: int | None = None) -> Any:
    """Nested lists, rounded to `decimals` or else to 5 significant digits. Infinity becomes None."""
    if x.ndim > 1:
        return [_digits(row, decimals) for row in x]
    if decimals is not None:
        return [round(float(value), decimals) for value in x]
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in x]
