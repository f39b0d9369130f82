"""scikit-learn's predictors, as layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from trine.errors import UnsupportedModelError
from trine.nn.importers import sklearn_trees as trees
from trine.nn.importers.sklearn_chain import Chain
from trine.nn.layers import (
    Add,
    ArgMax,
    Array,
    Clip,
    Dense,
    Layer,
    Multiply,
    ReLU,
    Scale,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)

__all__ = ["ESTIMATORS", "OUTPUTS", "Predictor"]

OUTPUTS = ("probabilities", "scores", "label", "squared_distances")

# Appends what answers `output` (None for the default) to a chain; returns which output that is.
Predictor = Callable[[Chain, Any, str, "str | None"], str]
# Appends scores, multiplied by a matrix, to a chain.
Scores = Callable[[Array], int]

ACTIVATIONS: dict[str, Callable[[], Layer] | None] = {
    "identity": None,
    "logistic": Sigmoid,
    "relu": ReLU,
    "tanh": Tanh,
}


def linear_regressor(chain: Chain, model: Any, place: str, output: str | None) -> str:
    """x W + b."""
    _choose(output, ("prediction",), place)
    chain.dense(*_parameters(model), name=place)
    return "prediction"


def linear_classifier(chain: Chain, model: Any, place: str, output: str | None, link: str | None = None) -> str:
    """Scores x W + b, and what ``link`` makes of them."""
    weights, bias = _parameters(model)
    return _classify(
        chain, place, output, weights.shape[1], lambda m: chain.dense(weights @ m, bias @ m, name=place), link
    )


def logistic_regression(chain: Chain, model: Any, place: str, output: str | None) -> str:
    """Softmax of the scores, or where there is a regression for each class on its own, the share of its sigmoid."""
    several = len(model.classes_) > 2
    kind = getattr(model, "multi_class", "auto")  # gone in newer versions
    alone = kind == "ovr" or (several and model.solver == "liblinear")
    link = "sigmoids" if alone and several else "softmax" if several else "sigmoid"
    if kind == "multinomial" and not several:
        link = "double sigmoid"
    return linear_classifier(chain, model, place, output, link)


def sgd_classifier(chain: Chain, model: Any, place: str, output: str | None) -> str:
    """Probabilities for two of the losses."""
    several = len(model.classes_) > 2
    link = {"log_loss": "sigmoids" if several else "sigmoid", "modified_huber": None if several else "clip"}
    return linear_classifier(chain, model, place, output, link.get(model.loss))


def mlp(chain: Chain, model: Any, place: str, output: str | None) -> str:
    """Dense layers with activations; the last one's depends on the task."""
    last = len(model.coefs_) - 1
    for index in range(last):
        chain.dense(model.coefs_[index], model.intercepts_[index], name=f"{place}, layer {index}")
        activation = ACTIVATIONS[model.activation]
        if activation is not None:
            chain.append(activation())
    weights, bias = model.coefs_[last], model.intercepts_[last]
    links = {"softmax": "softmax", "logistic": "sigmoid" if weights.shape[1] == 1 else "each sigmoid"}
    if hasattr(model, "classes_") and model.out_activation_ in links:
        return _classify(
            chain,
            place,
            output,
            weights.shape[1],
            lambda m: chain.dense(weights @ m, bias @ m, name=f"{place}, layer {last}"),
            links[model.out_activation_],
        )
    if model.out_activation_ != "identity":
        raise UnsupportedModelError(f"{place}: loss={model.loss!r}")
    _choose(output, ("prediction",), place)
    chain.dense(weights, bias, name=f"{place}, layer {last}")
    return "prediction"


def averaging_trees(chain: Chain, model: Any, place: str, output: str | None) -> str:
    """A tree, or the average of several: their leaves hold probabilities."""
    found = (trees.forest if hasattr(model, "estimators_") else trees.decision_tree)(model, place)
    kinds = ("probabilities", "label") if hasattr(model, "classes_") else ("prediction",)
    chosen = _choose(output, kinds, place)
    found.append_to(chain, np.eye(len(found.bias)))
    if chosen == "label":
        chain.append(ArgMax())
    return chosen


def boosting(chain: Chain, model: Any, place: str, output: str | None) -> str:
    """A sum of trees."""
    if not hasattr(model, "classes_"):
        _choose(output, ("prediction",), place)
        found = trees.boosted(model, model.predict, place)
        found.append_to(chain, np.eye(1))
        return "prediction"
    found = trees.boosted(model, model.decision_function, place)
    link = "softmax" if len(found.bias) > 1 else "double sigmoid" if model.loss == "exponential" else "sigmoid"
    return _classify(chain, place, output, len(found.bias), partial(found.append_to, chain), link)


def histogram_boosting(chain: Chain, model: Any, place: str, output: str | None) -> str:
    """A sum of trees."""
    found = trees.histogram_boosted(model, place)
    if hasattr(model, "classes_"):
        link = "softmax" if len(found.bias) > 1 else "sigmoid"
        return _classify(chain, place, output, len(found.bias), partial(found.append_to, chain), link)
    if model.loss not in ("squared_error", "absolute_error", "quantile"):
        raise UnsupportedModelError(f"{place}: loss={model.loss!r}")
    _choose(output, ("prediction",), place)
    found.append_to(chain, np.eye(1))
    return "prediction"


def k_means(chain: Chain, model: Any, place: str, output: str | None) -> str:
    """The nearest center: the one with the least |c|^2 - 2 x c, which is the squared distance less |x|^2."""
    centers = np.asarray(model.cluster_centers_, np.float64)
    chosen = _choose(output, ("label", "squared_distances"), place)
    middle = centers.mean(axis=0)  # distances do not depend on where the origin is, but their precision does
    moved = centers - middle
    chain.change(chain.map.scaled(1.0, -middle))
    if chosen == "label":
        chain.dense(2 * moved.T, -(moved**2).sum(axis=1), name=place)
        chain.append(ArgMax())
    else:
        at = chain.settle(place)
        product = chain.append(Dense(-2 * moved.T, (moved**2).sum(axis=1), name=place), at)
        square = chain.append(Multiply(), at, at)
        total = chain.append(Dense(np.ones((len(middle), len(centers)))), square)
        chain.append(Add(), product, total)
    return chosen


def _classify(chain: Chain, place: str, output: str | None, columns: int, scores: Scores, link: str | None) -> str:
    """What is asked for, from scores (one column for two classes) and from what makes them probabilities."""
    chosen = _choose(output, ("probabilities", "scores", "label") if link else ("scores", "label"), place)
    same = np.eye(columns)
    if chosen == "label":
        if link == "each sigmoid":
            raise UnsupportedModelError(f"{place}: several labels at once; ask for output='probabilities'")
        scores(np.array([[0.0, 1.0]]) if columns == 1 else same)
        chain.append(ArgMax())
    elif chosen == "scores":
        scores(same)
    elif link == "sigmoids":  # s_k / sum s_j for s = 1 / (1 + e^-x): the softmax of log s = -log(1 + e^-x)
        scores(-same)
        chain.append(Softplus())
        chain.append(Scale(-1.0))
        chain.append(Softmax())
    elif link == "clip":
        scores(same)
        chain.append(Clip(-1.0, 1.0))
        chain.append(Dense(np.array([[-0.5, 0.5]]), np.array([0.5, 0.5])))
    elif link == "softmax":
        scores(same)
        chain.append(Softmax())
    else:
        scores(same * (2.0 if link == "double sigmoid" else 1.0))
        chain.append(Sigmoid())
        if link != "each sigmoid":
            chain.append(Dense(np.array([[-1.0, 1.0]]), np.array([1.0, 0.0])))
    return chosen


def _choose(output: str | None, kinds: Sequence[str], place: str) -> str:
    if output is None:
        return kinds[0]
    if output not in kinds:
        raise UnsupportedModelError(f"{place}: output={output!r}; it has {' or '.join(kinds)}")
    return output


def _parameters(model: Any) -> tuple[Array, Array]:
    coefficients = model.coef_.toarray() if hasattr(model.coef_, "toarray") else model.coef_
    weights = np.atleast_2d(np.asarray(coefficients, np.float64)).T
    return weights, np.broadcast_to(np.asarray(model.intercept_, np.float64).reshape(-1), weights.shape[1])


# By class name: scikit-learn's module that has it, and how it is taken over.
ESTIMATORS: dict[str, tuple[str, Predictor]] = {
    **dict.fromkeys(
        (
            *("LinearRegression", "Ridge", "RidgeCV", "SGDRegressor"),
            *("Lasso", "LassoCV", "MultiTaskLasso", "MultiTaskLassoCV"),
            *("ElasticNet", "ElasticNetCV", "MultiTaskElasticNet", "MultiTaskElasticNetCV"),
        ),
        ("linear_model", linear_regressor),
    ),
    **dict.fromkeys(("LogisticRegression", "LogisticRegressionCV"), ("linear_model", logistic_regression)),
    **dict.fromkeys(("RidgeClassifier", "RidgeClassifierCV"), ("linear_model", linear_classifier)),
    "SGDClassifier": ("linear_model", sgd_classifier),
    "LinearSVC": ("svm", linear_classifier),
    "LinearSVR": ("svm", linear_regressor),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), ("neural_network", mlp)),
    **dict.fromkeys(
        (
            *("DecisionTreeClassifier", "DecisionTreeRegressor"),
            *("ExtraTreeClassifier", "ExtraTreeRegressor"),
        ),
        ("tree", averaging_trees),
    ),
    **dict.fromkeys(
        (
            *("RandomForestClassifier", "RandomForestRegressor"),
            *("ExtraTreesClassifier", "ExtraTreesRegressor"),
        ),
        ("ensemble", averaging_trees),
    ),
    **dict.fromkeys(("GradientBoostingClassifier", "GradientBoostingRegressor"), ("ensemble", boosting)),
    **dict.fromkeys(
        ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"), ("ensemble", histogram_boosting)
    ),
    **dict.fromkeys(("KMeans", "MiniBatchKMeans"), ("cluster", k_means)),
}
