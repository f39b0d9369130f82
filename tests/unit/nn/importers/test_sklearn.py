"""Every kind of scikit-learn's estimators, on data that it ships: in the clear and among three parties."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

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
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from trine.errors import InputError, ShapeError, UnsupportedModelError
from trine.nn import ArgMax, Dense, InputRanges, Softmax, Trees, from_sklearn

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of SciPy, for what older versions of scikit-learn do
]
LOADERS = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
}
ROWS = 40
assert ConvergenceWarning  # named by the filter above


@pytest.fixture(scope="module")
def data():
    """Rows and targets by name, with the rows to ask moved off the grid that the data lie on, and their ranges."""
    found = {}
    for name, load in LOADERS.items():
        x, y = load(return_X_y=True)
        rng = np.random.default_rng(1)
        asked = x[rng.integers(len(x), size=ROWS)] + 0.01 * x.std(axis=0) * rng.normal(size=(ROWS, x.shape[1]))
        found[name] = x, y, asked.clip(x.min(axis=0), x.max(axis=0)), (x.min(axis=0), x.max(axis=0))
    return found


def scaled(estimator):
    return make_pipeline(preprocessing.StandardScaler(), estimator)


def perceptron(kind, activation, **options):
    return scaled(kind(hidden_layer_sizes=(8, 5), activation=activation, max_iter=60, random_state=0, **options))


REGRESSORS = {
    "linear": linear_model.LinearRegression(),
    "without an intercept": linear_model.LinearRegression(fit_intercept=False),
    "ridge": linear_model.RidgeCV(),
    "lasso": linear_model.LassoCV(cv=3),
    "elastic net": linear_model.ElasticNet(0.01),
    "elastic net, CV": linear_model.ElasticNetCV(cv=3),
    "sgd": scaled(linear_model.SGDRegressor(random_state=0)),
    "svr": scaled(svm.LinearSVR(random_state=0)),
    "mlp relu": perceptron(neural_network.MLPRegressor, "relu"),
    "mlp identity": perceptron(neural_network.MLPRegressor, "identity"),
    "tree": tree.DecisionTreeRegressor(random_state=0),
    "random tree": tree.ExtraTreeRegressor(max_depth=4, random_state=0),
    "forest": ensemble.RandomForestRegressor(5, random_state=0),
    "random trees": ensemble.ExtraTreesRegressor(5, random_state=0),
    "boosting": ensemble.GradientBoostingRegressor(n_estimators=10, random_state=0),
    "boosting from zero": ensemble.GradientBoostingRegressor(
        loss="huber", init="zero", n_estimators=10, random_state=0
    ),
    "histograms": ensemble.HistGradientBoostingRegressor(max_iter=10, random_state=0),
    "pca": make_pipeline(preprocessing.RobustScaler(), decomposition.PCA(4, whiten=True), linear_model.Ridge()),
}
CLASSIFIERS = {
    "logistic": ("wine", scaled(linear_model.LogisticRegression())),
    "logistic, two classes": ("cancer", scaled(linear_model.LogisticRegression())),
    "logistic, liblinear": ("cancer", scaled(linear_model.LogisticRegression(solver="liblinear"))),
    "logistic, CV": ("iris", scaled(linear_model.LogisticRegressionCV(cv=2))),
    "sgd, hinge": ("wine", scaled(linear_model.SGDClassifier(random_state=0))),
    "sgd, log": ("wine", scaled(linear_model.SGDClassifier(loss="log_loss", alpha=0.1, random_state=0))),
    "sgd, huber": ("cancer", scaled(linear_model.SGDClassifier(loss="modified_huber", alpha=0.1, random_state=0))),
    "ridge": ("wine", linear_model.RidgeClassifier()),
    "svc": ("wine", scaled(svm.LinearSVC(random_state=0))),
    "svc, two classes": ("cancer", scaled(svm.LinearSVC(random_state=0))),
    "mlp tanh": ("iris", perceptron(neural_network.MLPClassifier, "tanh")),
    "mlp sigmoid, two classes": ("cancer", perceptron(neural_network.MLPClassifier, "logistic")),
    "tree": ("iris", tree.DecisionTreeClassifier(random_state=0)),
    "random tree": ("wine", tree.ExtraTreeClassifier(random_state=0)),
    "forest": ("wine", ensemble.RandomForestClassifier(8, random_state=0)),
    "random trees": ("cancer", ensemble.ExtraTreesClassifier(5, random_state=0)),
    "boosting": ("wine", ensemble.GradientBoostingClassifier(n_estimators=5, random_state=0)),
    "boosting, two classes": ("cancer", ensemble.GradientBoostingClassifier(n_estimators=5, random_state=0)),
    "boosting, exponential": (
        "cancer",
        ensemble.GradientBoostingClassifier(loss="exponential", n_estimators=5, random_state=0),
    ),
    "histograms": ("wine", ensemble.HistGradientBoostingClassifier(max_iter=4, random_state=0)),
    "histograms, two classes": ("cancer", ensemble.HistGradientBoostingClassifier(max_iter=4, random_state=0)),
    "forest behind a scaler": ("wine", scaled(ensemble.RandomForestClassifier(5, random_state=0))),
    "forest behind a pca": (
        "wine",
        make_pipeline(scaled(decomposition.PCA(4)), ensemble.RandomForestClassifier(5, random_state=0)),
    ),
    "search": (
        "wine",
        model_selection.GridSearchCV(
            scaled(linear_model.LogisticRegression()), {"logisticregression__C": [1, 5]}, cv=2
        ),
    ),
    "columns": (
        "wine",
        make_pipeline(
            make_column_transformer(
                (preprocessing.StandardScaler(), [-1, 0]),
                (make_pipeline(preprocessing.MaxAbsScaler(), decomposition.PCA(2)), slice(5, 9)),
                ("drop", [1, 2]),
                (preprocessing.MinMaxScaler(), np.arange(13) == 3),
                remainder="passthrough",
            ),
            linear_model.LogisticRegression(max_iter=400),
        ),
    ),
    "columns before trees": (
        "wine",
        make_pipeline(
            make_column_transformer((preprocessing.StandardScaler(), [12, 0, 6])),
            tree.DecisionTreeClassifier(random_state=0),
        ),
    ),
}


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors(data, private, name):
    x, y, asked, ranges = data["diabetes"]
    estimator = REGRESSORS[name].fit(x, y)
    model = from_sklearn(estimator, ranges)
    expected = estimator.predict(asked)[:, np.newaxis]
    assert np.abs(model.predict(asked) / expected - 1).max() < 1e-9
    assert np.abs(private(model, asked)[0] / expected - 1).max() < 1e-3


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(data, private, name):
    source, estimator = CLASSIFIERS[name]
    x, y, asked, ranges = data[source]
    names = np.array(["ant", "bee", "cow"])[y]  # classes are often words
    estimator.fit(x, names)
    model = from_sklearn(estimator, ranges)
    if hasattr(estimator, "predict_proba"):
        expected = estimator.predict_proba(asked)
    else:
        expected = estimator.decision_function(asked).reshape(ROWS, -1)
    assert np.abs(model.predict(asked) - expected).max() < 1e-9 * max(1.0, np.abs(expected).max())
    result, _ = private(model, asked)
    assert np.abs(result - expected).max() < max(3e-4, 1e-5 * np.abs(expected).max())
    label, plan = private(from_sklearn(estimator, ranges, output="label"), asked)
    sure = (
        np.abs(np.diff(np.sort(expected, axis=1)[:, -2:], axis=1) if expected.shape[1] > 1 else expected)[:, 0] > 1e-3
    )
    assert sure.mean() > 0.8
    assert (estimator.classes_[label.astype(int)] == estimator.predict(asked))[sure].all()
    assert plan.output_shape == ()
    assert plan.output_width <= 3


@pytest.mark.skipif(
    "multi_class" not in linear_model.LogisticRegression().get_params(),
    reason="this version of scikit-learn has no such option",
)
@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("wine", {"multi_class": "ovr"}),
        ("wine", {"solver": "liblinear"}),
        ("cancer", {"multi_class": "multinomial"}),
        ("cancer", {"multi_class": "ovr"}),
    ],
)
def test_options_of_older_versions(data, private, source, options):
    x, y, asked, ranges = data[source]
    estimator = scaled(linear_model.LogisticRegression(**options)).fit(x, y)
    result, _ = private(from_sklearn(estimator, ranges), asked)
    assert np.abs(result - estimator.predict_proba(asked)).max() < 3e-4


def test_several_outputs(data, private):
    x, y, asked, ranges = data["diabetes"]
    both = np.stack([y, 2 * y + x[:, 2] * 100], axis=1)
    for estimator in (
        linear_model.LinearRegression(),
        linear_model.MultiTaskLasso(0.1),
        tree.DecisionTreeRegressor(max_depth=4, random_state=0),
        ensemble.RandomForestRegressor(3, max_depth=7, random_state=0),
        perceptron(neural_network.MLPRegressor, "relu"),
    ):
        model = from_sklearn(estimator.fit(x, both), ranges)
        assert np.abs(private(model, asked)[0] / estimator.predict(asked) - 1).max() < 1e-3


def test_scores_of_what_has_probabilities(data, private):
    x, y, asked, ranges = data["wine"]
    logistic = scaled(linear_model.LogisticRegression()).fit(x, y)
    model = from_sklearn(logistic, ranges, output="scores")
    assert np.abs(private(model, asked)[0] - logistic.decision_function(asked)).max() < 1e-3
    network = perceptron(neural_network.MLPClassifier, "relu").fit(x, y)
    scores = from_sklearn(network, ranges, output="scores").predict(asked)
    assert np.allclose(Softmax().forward(scores), network.predict_proba(asked))


def test_several_labels_at_once(data, private):
    x, y, asked, ranges = data["iris"]
    network = perceptron(neural_network.MLPClassifier, "relu").fit(x, np.stack([y == 1, y > 1], axis=1))
    model = from_sklearn(network, ranges)
    assert np.abs(private(model, asked)[0] - network.predict_proba(asked)).max() < 3e-4
    with pytest.raises(UnsupportedModelError, match="several labels at once"):
        from_sklearn(network, ranges, output="label")


@pytest.mark.parametrize("kind", [cluster.KMeans, cluster.MiniBatchKMeans])
def test_clusters(data, private, kind):
    x, _, asked, ranges = data["wine"]
    estimator = scaled(kind(4, n_init=2, random_state=0)).fit(x)
    label, _ = private(from_sklearn(estimator, ranges), asked)
    assert np.array_equal(label, estimator.predict(asked))
    distances, _ = private(from_sklearn(estimator, ranges, output="squared_distances"), asked)
    assert np.abs(distances - estimator.transform(asked) ** 2).max() < 1e-2


@pytest.mark.parametrize(
    "transformer",
    [
        preprocessing.StandardScaler(),
        preprocessing.StandardScaler(with_mean=False),
        preprocessing.StandardScaler(with_std=False),
        preprocessing.MinMaxScaler((-2, 3)),
        preprocessing.MinMaxScaler(clip=True),
        preprocessing.MaxAbsScaler(),
        preprocessing.RobustScaler(with_centering=False),
        decomposition.PCA(3),
        scaled(decomposition.PCA(3, whiten=True)),
        ColumnTransformer([("a", preprocessing.StandardScaler(), [3]), ("b", "passthrough", [0])]),
    ],
)
def test_transformers(data, private, transformer):
    x, _, asked, ranges = data["wine"]
    model = from_sklearn(transformer.fit(x), ranges)
    result, expected = private(model, asked)[0], transformer.transform(asked)
    assert np.abs(result - expected).max() < 1e-4 * max(1.0, np.abs(expected).max())


def test_scalers_and_pca_are_folded_into_what_follows(data):
    x, y, _, ranges = data["wine"]
    chain = make_pipeline(preprocessing.StandardScaler(), decomposition.PCA(4), linear_model.LogisticRegression())
    assert [type(layer) for layer in from_sklearn(chain.fit(x, y), ranges).layers] == [InputRanges, Dense, Softmax]
    forest = scaled(ensemble.RandomForestClassifier(3, random_state=0)).fit(x, y)
    assert [type(layer) for layer in from_sklearn(forest, ranges, output="label").layers] == [
        InputRanges,
        Trees,
        ArgMax,
    ]


def test_shapes_of_trees_are_hidden_where_that_is_cheap_or_asked_for(data):
    x, y, asked, ranges = data["diabetes"]
    low = tree.DecisionTreeRegressor(max_depth=4, max_leaf_nodes=6, random_state=0).fit(x, y)
    assert from_sklearn(low, ranges).layers[1].depths == (4,) * 16
    assert len(from_sklearn(low, ranges, complete_trees=False).layers[1].depths) == 6
    high = tree.DecisionTreeRegressor(max_depth=7, random_state=0).fit(x, y)
    assert len(set(from_sklearn(high, ranges).layers[1].depths)) > 1
    complete = from_sklearn(high, ranges, complete_trees=True)
    assert complete.layers[1].depths == (7,) * 128
    assert np.allclose(complete.predict(asked)[:, 0], high.predict(asked))
    steps = np.arange(30.0)[:, np.newaxis]
    deep = tree.DecisionTreeRegressor(random_state=0).fit(steps, 4.0 ** steps[:, 0])  # splits off one row at a time
    with pytest.raises(InputError, match=r"complete_trees: 1 trees of depth \d+ would make more than 1,048,576 tests"):
        from_sklearn(deep, (0, 29), complete_trees=True)


def test_inputs_on_a_threshold_go_where_scikit_learn_sends_them(data, private):
    x, y, _, ranges = data["iris"]
    estimator = tree.DecisionTreeClassifier(random_state=0).fit(x, y)
    rows = np.tile(x[60], (20, 1))
    for row, node in zip(rows, np.flatnonzero(estimator.tree_.feature >= 0), strict=False):
        row[estimator.tree_.feature[node]] = estimator.tree_.threshold[node]
    result, _ = private(from_sklearn(estimator, ranges), rows)
    assert np.array_equal(result, estimator.predict_proba(rows))


def test_trees_that_test_nothing(data, private):
    x, _, asked, ranges = data["iris"]
    constant = tree.DecisionTreeRegressor().fit(x, np.full(len(x), 2.5))
    assert np.array_equal(private(from_sklearn(constant, ranges), asked)[0], np.full((ROWS, 1), 2.5))


def test_features_of_very_different_scale(data, private):
    x, y, asked, _ = data["wine"]
    factors = 10.0 ** np.arange(-6, 7)
    for kind in (linear_model.LogisticRegression(), ensemble.RandomForestClassifier(5, random_state=0)):
        estimator = scaled(kind).fit(x * factors, y)
        model = from_sklearn(estimator, ((x * factors).min(axis=0), (x * factors).max(axis=0)))
        assert np.abs(private(model, asked * factors)[0] - estimator.predict_proba(asked * factors)).max() < 3e-4


def test_one_range_for_all(data, private):
    x, y, asked, _ = data["iris"]
    estimator = linear_model.LogisticRegression().fit(x, y)
    result, plan = private(from_sklearn(estimator, (0, 10)), asked)
    assert np.abs(result - estimator.predict_proba(asked)).max() < 3e-4
    assert plan.input_range == (0, 10)


def test_frames(data):
    pandas = pytest.importorskip("pandas")
    x, y, asked, ranges = data["wine"]
    names = [f"c{i}" for i in range(13)]
    frame = pandas.DataFrame(x, columns=names)
    columns = ColumnTransformer(
        [("a", preprocessing.StandardScaler(), ["c4", "c1"]), ("b", "passthrough", slice("c6", "c8"))]
    )
    estimator = make_pipeline(columns, linear_model.LogisticRegression(max_iter=500)).fit(frame, y)
    expected = estimator.predict_proba(pandas.DataFrame(asked, columns=names))
    assert np.allclose(from_sklearn(estimator, ranges).predict(asked), expected)


class Louder(linear_model.LinearRegression):
    def predict(self, x):
        return 2 * super().predict(x)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (KNeighborsClassifier(), "KNeighborsClassifier is not supported"),
        (
            make_pipeline(SimpleImputer(), linear_model.LogisticRegression()),
            r"step 0, 'simpleimputer' \(SimpleImputer\) is not supported: .* impute before you ask",
        ),
        (
            make_pipeline(preprocessing.PolynomialFeatures(), linear_model.LogisticRegression()),
            r"step 0, 'polynomialfeatures' \(PolynomialFeatures\) is not supported",
        ),
        (
            make_pipeline(
                make_column_transformer((preprocessing.QuantileTransformer(n_quantiles=10), [1])),
                linear_model.LogisticRegression(),
            ),
            r"step 0, 'columntransformer'.*'quantiletransformer' \(QuantileTransformer\) is not supported",
        ),
        (
            make_pipeline(
                make_column_transformer((preprocessing.MinMaxScaler(clip=True), [1])), linear_model.LogisticRegression()
            ),
            "clip=True within a ColumnTransformer",
        ),
        (Louder(), "Louder is not supported: a subclass of LinearRegression"),
        (ensemble.HistGradientBoostingRegressor(loss="poisson", max_iter=2), "loss='poisson'"),
        (ensemble.GradientBoostingRegressor(init=linear_model.Ridge(), n_estimators=2), "init must be None or 'zero'"),
        (preprocessing.FunctionTransformer(np.log1p), "a FunctionTransformer with a function"),
    ],
)
def test_what_is_refused_and_where(data, estimator, message):
    x, y, _, ranges = data["iris"]
    with pytest.raises(UnsupportedModelError, match=message) as raised:
        from_sklearn(estimator.fit(x, y), ranges)
    assert "supported: LinearRegression, " in str(raised.value)


@pytest.mark.parametrize(
    ("estimator", "output", "message"),
    [
        (linear_model.Ridge(), "label", "it has prediction"),
        (ensemble.RandomForestClassifier(2), "scores", "it has probabilities or label"),
        (svm.LinearSVC(), "probabilities", "it has scores or label"),
        (cluster.KMeans(2), "probabilities", "it has label or squared_distances"),
        (preprocessing.StandardScaler(), "label", "it only transforms"),
    ],
)
def test_outputs_that_an_estimator_does_not_have(data, estimator, output, message):
    x, y, _, ranges = data["iris"]
    with pytest.raises(UnsupportedModelError, match=message):
        from_sklearn(estimator.fit(x, y), ranges, output=output)


def test_an_estimator_that_answers_otherwise_is_noticed(data):
    x, y, _, ranges = data["iris"]
    estimator = linear_model.LogisticRegression().fit(x, y)
    estimator.predict_proba = lambda x: linear_model.LogisticRegression.predict_proba(estimator, x)[:, ::-1]
    with pytest.raises(UnsupportedModelError, match="answers random inputs otherwise"):
        from_sklearn(estimator, ranges)


def test_arguments_that_make_no_sense(data):
    x, y, _, ranges = data["iris"]
    fitted = linear_model.Ridge().fit(x, y)
    with pytest.raises(InputError, match="not fitted yet"):
        from_sklearn(linear_model.Ridge(), ranges)
    search = model_selection.GridSearchCV(linear_model.Ridge(), {"alpha": [1]}, refit=False).fit(x, y)
    with pytest.raises(InputError, match="refit"):
        from_sklearn(search, ranges)
    with pytest.raises(InputError, match="fitted scikit-learn estimator, got a str"):
        from_sklearn("model.pkl", ranges)
    with pytest.raises(InputError, match="output must be one of"):
        from_sklearn(fitted, ranges, output="logits")
    with pytest.raises(ShapeError, match="arrays of 4"):
        from_sklearn(fitted, ([0, 0], [1, 1]))
    for unusable in ((1, 0), (1, 1), 5, ("a", "b"), (0, np.inf), (0, 1, 2)):
        with pytest.raises(InputError, match="input_range"):
            from_sklearn(fitted, unusable)
