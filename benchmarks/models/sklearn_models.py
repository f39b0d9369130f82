"""scikit-learn's models, each trained on data that scikit-learn ships, and what they are asked.

Where a data set is smaller than what is asked for, its rows are drawn again, each feature moved by a hundredth of its
deviation.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
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

from trine.nn import ArgMax, Model, Trees, from_sklearn

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
