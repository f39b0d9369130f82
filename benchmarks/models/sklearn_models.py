"""scikit-learn's models in the clear and among three parties, on the data that scikit-learn ships.

``python benchmarks/models/sklearn_models.py`` trains every kind that :func:`trine.nn.from_sklearn` takes, asks it and
its private form 1,000 inputs or more, and prints a table. Where a data set is smaller, its rows are drawn again, each
feature moved by a hundredth of its deviation. The parties are three in one process, so the times are what all three
compute, one after the other, and no network's; rounds and bytes are exact.

*Agree* is the part of the inputs for which both name the same class, *error* the largest difference of probabilities
or scores relative to the largest, for regressions the largest relative error of a prediction. *Ties* are inputs that
are left out of both: a feature within 2^-30 of its range of a threshold that it meets (but not on it), or two classes
within 10^-6.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from sklearn import (
    cluster,
    datasets,
    decomposition,
    ensemble,
    linear_model,
    model_selection,
    neural_network,
    preprocessing,
    svm,
    tree,
)
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline

from trine.bench import machine
from trine.bench.report import seconds
from trine.mpc import LocalSession, PerParty, accept, deal
from trine.nn import ArgMax, Model, Trees, compile, from_sklearn, infer
from trine.nn.infer import pack_weights

LEAST = 1000
JITTER = 0.01
LOADERS = {
    "iris": datasets.load_iris,
    "digits": datasets.load_digits,
    "wine": datasets.load_wine,
    "breast cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
}
SINGLE_QUERIES = 5
TIE = 2  # units of an input's last place
CLOSE = 1e-6


@dataclass(frozen=True)
class Case:
    """An estimator, the data it is trained and asked on, and what it is asked for."""

    data: str
    make: Callable[[], Any]
    output: str | None = None


def scaled(estimator: Any) -> Any:
    """Behind a scaler, as most estimators want it."""
    return make_pipeline(preprocessing.StandardScaler(), estimator)


CASES: dict[str, Case] = {
    "LinearRegression": Case("diabetes", linear_model.LinearRegression),
    "Ridge": Case("diabetes", linear_model.Ridge),
    "Lasso": Case("diabetes", lambda: linear_model.Lasso(0.1)),
    "ElasticNet": Case("diabetes", lambda: linear_model.ElasticNet(0.01)),
    "SGDRegressor": Case("diabetes", lambda: scaled(linear_model.SGDRegressor(random_state=0))),
    "LinearSVR": Case("diabetes", lambda: scaled(svm.LinearSVR(C=10, random_state=0))),
    "MLPRegressor": Case(
        "diabetes",
        lambda: scaled(neural_network.MLPRegressor(hidden_layer_sizes=(32, 16), max_iter=800, random_state=0)),
    ),
    "DecisionTreeRegressor": Case("diabetes", lambda: tree.DecisionTreeRegressor(random_state=0)),
    "RandomForestRegressor": Case("diabetes", lambda: ensemble.RandomForestRegressor(random_state=0)),
    "ExtraTreesRegressor": Case("diabetes", lambda: ensemble.ExtraTreesRegressor(random_state=0)),
    "GradientBoostingRegressor": Case("diabetes", lambda: ensemble.GradientBoostingRegressor(random_state=0)),
    "HistGradientBoostingRegressor": Case("diabetes", lambda: ensemble.HistGradientBoostingRegressor(random_state=0)),
    "LogisticRegression, two classes": Case("breast cancer", lambda: scaled(linear_model.LogisticRegression())),
    "LogisticRegression": Case("digits", lambda: scaled(linear_model.LogisticRegression(max_iter=300))),
    "LogisticRegression, label alone": Case(
        "digits", lambda: scaled(linear_model.LogisticRegression(max_iter=300)), "label"
    ),
    "RidgeClassifier": Case("digits", linear_model.RidgeClassifier),
    "LinearSVC": Case("digits", lambda: scaled(svm.LinearSVC(random_state=0, max_iter=5000))),
    "SGDClassifier": Case("digits", lambda: scaled(linear_model.SGDClassifier(random_state=0))),
    "SGDClassifier, log_loss": Case(
        "wine", lambda: scaled(linear_model.SGDClassifier(loss="log_loss", alpha=0.01, random_state=0))
    ),
    "MLPClassifier, ReLU": Case(
        "digits", lambda: scaled(neural_network.MLPClassifier((64,), max_iter=300, random_state=0))
    ),
    "MLPClassifier, tanh": Case(
        "wine", lambda: scaled(neural_network.MLPClassifier((16,), "tanh", max_iter=800, random_state=0))
    ),
    "MLPClassifier, sigmoid": Case(
        "breast cancer", lambda: scaled(neural_network.MLPClassifier((16,), "logistic", max_iter=800, random_state=0))
    ),
    "DecisionTreeClassifier": Case("iris", lambda: tree.DecisionTreeClassifier(random_state=0)),
    "ExtraTreeClassifier": Case("wine", lambda: tree.ExtraTreeClassifier(random_state=0)),
    "RandomForestClassifier": Case("digits", lambda: ensemble.RandomForestClassifier(random_state=0)),
    "RandomForestClassifier, label alone": Case(
        "digits", lambda: ensemble.RandomForestClassifier(random_state=0), "label"
    ),
    "ExtraTreesClassifier": Case("breast cancer", lambda: ensemble.ExtraTreesClassifier(random_state=0)),
    "GradientBoostingClassifier": Case("digits", lambda: ensemble.GradientBoostingClassifier(random_state=0)),
    "HistGradientBoostingClassifier": Case(
        "breast cancer", lambda: ensemble.HistGradientBoostingClassifier(random_state=0)
    ),
    "KMeans": Case("digits", lambda: cluster.KMeans(10, n_init=3, random_state=0)),
    "MiniBatchKMeans": Case("iris", lambda: cluster.MiniBatchKMeans(3, n_init=3, random_state=0)),
    "KMeans, distances": Case("wine", lambda: scaled(cluster.KMeans(3, n_init=3, random_state=0)), "squared_distances"),
    "StandardScaler": Case("breast cancer", preprocessing.StandardScaler),
    "MinMaxScaler": Case("wine", preprocessing.MinMaxScaler),
    "PCA": Case("breast cancer", lambda: make_pipeline(preprocessing.StandardScaler(), decomposition.PCA(5))),
    "PCA, LogisticRegression": Case(
        "digits",
        lambda: make_pipeline(decomposition.PCA(30), linear_model.LogisticRegression(max_iter=500)),
    ),
    "PCA, RandomForestClassifier": Case(
        "digits", lambda: make_pipeline(decomposition.PCA(16), ensemble.RandomForestClassifier(50, random_state=0))
    ),
    "ColumnTransformer, GridSearchCV": Case(
        "wine",
        lambda: model_selection.GridSearchCV(
            make_pipeline(
                make_column_transformer(
                    (preprocessing.StandardScaler(), [0, 3, 4]),
                    (preprocessing.MinMaxScaler(), slice(5, 13)),
                    remainder="passthrough",
                ),
                linear_model.LogisticRegression(max_iter=500),
            ),
            {"logisticregression__C": [1, 10]},
        ),
    ),
}


def inputs_of(name: str, least: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training rows and targets, and rows to ask: those kept back, or all there are, drawn again where they are few."""
    x, y = LOADERS[name](return_X_y=True)
    train, _, target, _ = model_selection.train_test_split(x, y, test_size=0.3, random_state=0)
    if len(x) >= least:
        return train, target, x, y
    rng = np.random.default_rng(0)
    more = rng.integers(len(x), size=least - len(x))
    moved = x[more] + JITTER * x.std(axis=0) * rng.normal(size=(len(more), x.shape[1]))
    return train, target, np.concatenate([x, moved.clip(x.min(axis=0), x.max(axis=0))]), np.concatenate([y, y[more]])


@dataclass(frozen=True)
class Asked:
    """A trained model with what it is asked.

    Attributes:
        targets: classes or numbers as the data have them, or what scikit-learn answers where there is nothing to learn.
        clear: what scikit-learn answers: float64 (N, outputs).
        regression: whether the answers are numbers rather than scores of classes.
    """

    name: str
    data: str
    model: Model
    inputs: np.ndarray
    targets: np.ndarray
    clear: np.ndarray
    regression: bool


def cases(least: int = LEAST, names: Sequence[str] = ()) -> Iterator[Asked]:
    """Every case whose name contains one of ``names``, or all, trained, with at least so many inputs."""
    for name, case in CASES.items():
        if names and not any(part in name for part in names):
            continue
        train, target, x, y = inputs_of(case.data, least)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator = case.make().fit(train, target)
            model = from_sklearn(estimator, (x.min(axis=0), x.max(axis=0)), output=case.output)
        output = case.output or ("label" if "KMeans" in name else None)
        clear = answers_of(estimator, output, x)
        learns = hasattr(estimator, "classes_") or case.data == "diabetes"
        regression = not hasattr(estimator, "classes_") and output != "label"
        targets = y if learns else clear.reshape(len(x), *model.output_shape)
        yield Asked(name, case.data, model, x, targets, clear, regression)


class Private:
    """A model shared among three parties in this process."""

    def __init__(self, model: Model) -> None:
        compiled = compile(model)
        self.plan = compiled.plan
        self.session = LocalSession()
        self.weights = self.session.each(lambda party, held: pack_weights(self.plan, held), shared(compiled.tensors))

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, float]:
        """The answers, and the seconds that the parties took."""
        given = PerParty(held[0] for held in shared([self.plan.encode_input(x)]))
        start = time.perf_counter()
        parts = infer(self.session, self.plan, self.weights, given)
        return self.plan.combine(parts), time.perf_counter() - start


def shared(arrays: list[np.ndarray]) -> PerParty:
    """Each party's shares of arrays."""
    shapes = [array.shape for array in arrays]
    return PerParty(accept(party, payload, shapes) for party, payload in enumerate(deal(arrays)))


def answers_of(estimator: Any, output: str | None, x: np.ndarray) -> np.ndarray:
    """What scikit-learn answers: float64 (N, outputs)."""
    if output == "label":
        found = estimator.predict(x)
    elif output == "squared_distances":
        found = estimator.transform(x) ** 2
    elif hasattr(estimator, "predict_proba"):
        found = estimator.predict_proba(x)
    elif hasattr(estimator, "decision_function"):
        found = estimator.decision_function(x)
    else:
        found = estimator.predict(x) if hasattr(estimator, "predict") else estimator.transform(x)
    return np.asarray(found, np.float64).reshape(len(x), -1)


def ties(model: Model, x: np.ndarray, clear: np.ndarray, classes: bool) -> np.ndarray:
    """Inputs that come so close to a threshold on their way, or whose classes are so close, that rounding decides."""
    found = np.zeros(len(x), bool)
    values = model.values(x)
    for value, layer in zip(values[:-1], model.layers, strict=True):
        if isinstance(layer, Trees):
            found |= close_tests(layer, value)
    scores = values[-2] if isinstance(model.layers[-1], ArgMax) else clear
    if classes and scores.shape[1] > 1:
        ordered = np.sort(scores, axis=1)
        found |= ordered[:, -1] - ordered[:, -2] <= CLOSE * np.abs(scores).max()
    return found


def close_tests(layer: Trees, x: np.ndarray) -> np.ndarray:
    """Whether a test that is really made is close, but not equal."""
    found, taken = np.zeros(len(x), bool), {-1: np.ones(len(x), bool)}
    tests = zip(layer.shapes.node_edges, layer.features.astype(int), layer.thresholds, strict=True)
    for node, (edge, feature, threshold) in enumerate(tests):  # in preorder
        gap = x[:, feature] - threshold
        made = taken[int(edge)]
        taken[2 * node], taken[2 * node + 1] = made & (gap <= 0), made & (gap > 0)
        found |= made & (gap != 0) & (np.abs(gap) < TIE * 2.0**-16)
    return found


def measure(case: Asked) -> dict[str, Any]:
    """Everything about one case."""
    private, x, clear = Private(case.model), case.inputs, case.clear
    singles = [private(x[i : i + 1])[1] for i in range(SINGLE_QUERIES)]
    answers, spent = private(x)
    answers = answers.reshape(clear.shape)
    tied = ties(case.model, x, clear, not case.regression)
    cost = private.plan.cost(1)
    labels = [named(values) for values in (clear, answers)]
    same = labels[0] == labels[1]
    if case.data == "diabetes":
        errors = np.abs(answers - clear) / np.abs(clear)
        quality = [
            1 - float(((values[:, 0] - case.targets) ** 2).mean() / case.targets.var()) for values in (clear, answers)
        ]
    else:
        errors = np.abs(answers - clear) / max(np.abs(clear).max(), 1.0)
        quality = [None, None] if case.regression else [float((label == case.targets).mean()) for label in labels]
    return {
        "model": case.name,
        "data": case.data,
        "inputs": len(x),
        "ties": int(tied.sum()),
        "float": quality[0],
        "private": quality[1],
        "agree": None if case.regression else float(same[~tied].mean()),
        "agree_with_ties": None if case.regression else float(same.mean()),
        "error": float(errors[~tied].max()),
        "error_with_ties": float(errors.max()),
        "one": float(np.median(singles)),
        "each": spent / len(x),
        "rounds": cost.rounds,
        "bytes": cost.bytes,
    }


def named(values: np.ndarray) -> np.ndarray:
    """The class that answers name: the largest, or for a single one itself, or its side."""
    if values.shape[1] > 1:
        return values.argmax(axis=1)
    whole = (values == np.rint(values)).all()
    return values[:, 0] if whole else (values[:, 0] > 0).astype(float)


def table(rows: list[dict[str, Any]]) -> Table:
    """All cases."""
    printed = Table(title="scikit-learn's models, float and private", box=box.SIMPLE_HEAD, pad_edge=False)
    printed.add_column("model", no_wrap=True)
    printed.add_column("data", no_wrap=True)
    for heading in ("inputs", "ties", "float", "private", "agree", "error", "one", "each", "rounds", "KB"):
        printed.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        printed.add_row(
            row["model"],
            row["data"],
            str(row["inputs"]),
            str(row["ties"]),
            *("" if row[key] is None else f"{row[key]:.4f}" for key in ("float", "private")),
            "" if row["agree"] is None else f"{row['agree']:.2%}",
            f"{row['error']:.1e}",
            seconds(row["one"]),
            seconds(row["each"]),
            str(row["rounds"]),
            f"{row['bytes'] / 1e3:.3g}",
        )
    return printed


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="only those whose names contain one of these")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here too")
    options = parser.parse_args()
    console, rows = Console(width=150), [measure(case) for case in cases(names=options.models)]
    console.print(table(rows))
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": machine.describe(), "models": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
