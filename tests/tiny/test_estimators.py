"""Fitted estimators against their integers, on data of several shapes; what is refused says so in one line."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris, make_friedman1
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    RidgeCV,
)
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import canbean.tiny
from canbean.errors import CanbeanError, ModelError, QuantizeError
from canbean.tiny import cbm, estimators
from canbean.tiny.estimators import REFUSED, TAKEN, from_layers, from_sklearn, threshold_of
from canbean.tiny.predictor import Predictor

FRIEDMAN = make_friedman1(300, 5, noise=0.5, random_state=0)
DIABETES = load_diabetes(return_X_y=True, scaled=False)
IRIS = load_iris(return_X_y=True)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def on_grid(model, values):
    """Values as the board reads them: with the decimals that the calibration has."""
    return model.features.readings(values) / 10.0 ** np.array(model.features.decimals)


def mlp(kind, **more):
    return kind(hidden_layer_sizes=(12, 6), max_iter=150, random_state=0, **more)


# what is fitted, and the largest difference on the calibration as a share of the answers' range
REGRESSIONS = [
    (LinearRegression(), 5e-4),
    (make_pipeline(RobustScaler(), RidgeCV()), 5e-4),
    (make_pipeline(MaxAbsScaler(), Lasso(0.01)), 5e-4),
    (make_pipeline(StandardScaler(), ElasticNet(0.01)), 5e-4),
    (BayesianRidge(), 5e-4),
    (make_pipeline(StandardScaler(), LinearSVR(random_state=0)), 5e-4),
    (make_pipeline(StandardScaler(), PolynomialFeatures(2), LinearRegression()), 2e-3),
    (make_pipeline(PolynomialFeatures(2, include_bias=False), StandardScaler(), RidgeCV()), 2e-3),
    (make_pipeline(StandardScaler(), SVR(C=10)), 5e-3),
    (make_pipeline(MinMaxScaler(), SVR(C=10, gamma=2)), 5e-3),
    (mlp(MLPRegressor, activation="identity"), 1e-3),
    (make_pipeline(StandardScaler(), mlp(MLPRegressor)), 0.03),
    (TransformedTargetRegressor(make_pipeline(StandardScaler(), SVR()), transformer=StandardScaler()), 5e-3),
    (GridSearchCV(make_pipeline(StandardScaler(), SVR()), {"svr__C": [1, 10]}, cv=2), 5e-3),
]


@pytest.mark.parametrize("data", [FRIEDMAN, DIABETES], ids=["friedman", "diabetes"])
@pytest.mark.parametrize(("estimator", "most"), REGRESSIONS, ids=lambda v: str(v)[:40])
def test_regressions_are_near_their_floating_point(estimator, most, data):
    x, y = data
    model = from_sklearn(estimator.fit(x, y), x)
    true = estimator.predict(x)
    found = model.answer(x)
    assert np.abs(found - true).max() <= most * np.ptp(true)
    assert model.report["max_abs"] == pytest.approx(np.abs(found - true).max())
    assert model.report["rows"] == len(x)


# Where neighbours or branches change places an answer may jump: the bound is on the mean.
JUMPING = [
    (make_pipeline(StandardScaler(), KNeighborsRegressor()), 1e-3),
    (DecisionTreeRegressor(random_state=0), 1e-3),
    (RandomForestRegressor(15, random_state=0), 2e-4),
    (make_pipeline(MinMaxScaler(), ExtraTreesRegressor(15, random_state=0)), 2e-4),
    (GradientBoostingRegressor(n_estimators=40, random_state=0), 2e-4),
    (TransformedTargetRegressor(RandomForestRegressor(5, random_state=0), transformer=MinMaxScaler()), 3e-4),
    (TransformedTargetRegressor(GradientBoostingRegressor(random_state=0), transformer=RobustScaler()), 2e-4),
]


@pytest.mark.parametrize("data", [FRIEDMAN, DIABETES], ids=["friedman", "diabetes"])
@pytest.mark.parametrize(("estimator", "most"), JUMPING, ids=lambda v: str(v)[:40])
def test_regressions_that_jump_seldom_do(estimator, most, data):
    x, y = data
    estimator.fit(x, y)
    model = from_sklearn(estimator, x)
    query = on_grid(model, x + np.random.default_rng(0).normal(0, 0.1, x.shape) * x.std(axis=0))
    true = estimator.predict(query)
    assert np.abs(model.answer(query) - true).mean() <= most * np.ptp(true)


CLASSES = [
    make_pipeline(StandardScaler(), LogisticRegression()),
    LinearSVC(random_state=0),
    SVC(),
    make_pipeline(StandardScaler(), SVC(C=10)),
    make_pipeline(StandardScaler(), KNeighborsClassifier(7)),
    DecisionTreeClassifier(random_state=0),
    RandomForestClassifier(15, random_state=0),
    GradientBoostingClassifier(n_estimators=10, random_state=0),
    make_pipeline(StandardScaler(), mlp(MLPClassifier)),
]


@pytest.mark.parametrize("names", [["no", "yes"], [7, 8, 9], [False, True]], ids=["two", "three", "truths"])
@pytest.mark.parametrize("estimator", CLASSES, ids=lambda v: str(v)[:40])
def test_classes_are_the_same(estimator, names):
    x, y = IRIS
    y = np.array(names)[y % len(names)]
    estimator.fit(x, y)
    model = from_sklearn(estimator, x)
    assert model.classes == tuple(sorted(names))
    assert model.report["agreement"] >= 0.98
    query = x + np.random.default_rng(1).normal(0, 0.3, (20, *x.shape))
    query = query.reshape(-1, x.shape[1]).round(2)
    model = from_sklearn(estimator, x, decimals=[2] * 4)
    assert (model.answer(query) == estimator.predict(query)).mean() >= 0.99


@pytest.mark.parametrize(
    "estimator",
    [
        IsolationForest(n_estimators=20, random_state=0),
        IsolationForest(n_estimators=20, max_features=2, contamination=0.1, random_state=0),
        make_pipeline(StandardScaler(), OneClassSVM(nu=0.1)),
    ],
    ids=lambda v: str(v)[:30],
)
def test_anomalies_are_the_same(estimator):
    x = IRIS[0]
    estimator.fit(x)
    model = from_sklearn(estimator, x)
    query = x + np.random.default_rng(1).normal(0, 0.5, (10, *x.shape))
    query = on_grid(model, query.reshape(-1, x.shape[1]))
    assert (model.answer(query) == (estimator.predict(query) < 0)).mean() >= 0.99
    assert 0.02 < model.answer(query).mean() < 0.9
    assert model.report["max_abs"] < 0.02 * (model.report["highest"] - model.report["lowest"])


@given(
    st.lists(st.tuples(st.integers(-30, 30), st.booleans()), min_size=1, max_size=40), st.integers(-40, 40)
)
def test_a_threshold_is_derived_again_from_integer_scores(rows, near):
    scores, flags = (np.array(column) for column in zip(*rows, strict=True))
    chosen = threshold_of(scores, flags, near)
    differences = {t: int(((scores > t) != flags).sum()) for t in range(-45, 46)}
    fewest = min(differences.values())
    assert differences[chosen] == fewest
    assert abs(chosen - near) == min(abs(t - near) for t, count in differences.items() if count == fewest)


def test_a_threshold_that_rounding_moved_is_put_right():
    x = IRIS[0]
    estimator = make_pipeline(StandardScaler(), OneClassSVM(nu=0.1)).fit(x)
    assert from_sklearn(estimator, x).report["agreement"] >= 0.99


@pytest.mark.parametrize("magnitude", [1e-6, 1e-3, 1.0, 1e4, 1e9])
@pytest.mark.parametrize("family", [LinearRegression, KNeighborsRegressor, DecisionTreeRegressor, SVR])
def test_targets_of_any_magnitude_keep_four_digits(family, magnitude):
    x, y = FRIEDMAN
    y = y / np.abs(y).max() * magnitude
    estimator = family()
    if family is SVR:
        estimator = TransformedTargetRegressor(SVR(), transformer=StandardScaler())
    model = from_sklearn(estimator.fit(x, y), x)
    reach = np.abs(model.predict(model.features.readings(x))).max()
    assert 1000 < reach <= 1_100_000
    assert (
        model.report["max_abs"]
        < (0.1 if family in {KNeighborsRegressor, DecisionTreeRegressor} else 5e-3) * magnitude
    )


def test_several_targets():
    x, y = FRIEDMAN
    y = np.column_stack([y, -y, x[:, 0]])
    for estimator in (LinearRegression(), RandomForestRegressor(5, random_state=0), mlp(MLPRegressor)):
        model = from_sklearn(estimator.fit(x, y), x)
        assert model.answer(x).shape == y.shape
        assert np.abs(model.answer(x) - estimator.predict(x)).mean() < 0.01 * np.ptp(y)


def test_thirty_features():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (200, 30))
    y = x @ rng.normal(0, 1, 30)
    model = from_sklearn(LinearRegression().fit(x, y), x)
    assert model.kind.tag == "POLY"
    assert model.report["max_abs"] < 1e-3 * np.ptp(y)


def test_layers_alone():
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 1, (8, 3)), rng.normal(0, 1, (4, 8))]
    biases = [rng.normal(0, 1, 8), rng.normal(0, 1, 4)]
    x = rng.normal([0, 10, -5], [1, 3, 0.1], (100, 3))
    true = np.maximum(x @ weights[0].T + biases[0], 0) @ weights[1].T + biases[1]
    model = from_layers(weights, biases, x)
    assert np.abs(model.answer(x) - true).max() < 0.03 * np.ptp(true)
    model = from_layers(weights, biases, x, classes="abcd")
    assert (model.answer(x) == np.array(list("abcd"))[true.argmax(axis=1)]).mean() > 0.95
    with pytest.raises(QuantizeError, match="do not follow each other from 2 inputs"):
        from_layers(weights, biases, x[:, :2])


@pytest.mark.parametrize(
    "estimator", [*CLASSES[::2], IsolationForest(n_estimators=5), SVR()], ids=lambda v: str(v)[:30]
)
def test_a_predictor_survives_its_file(estimator):
    x, y = IRIS
    model = from_sklearn(estimator.fit(x, y), x)
    packed = cbm.unpack(cbm.pack(model.model(name="flower")), "m")
    assert packed.meta["app"] == "model"
    assert packed.meta["quantization"]["rows"] == len(x)
    again = Predictor.from_model(packed)
    readings = model.features.readings(x)
    assert again.predict(readings).tolist() == model.predict(readings).tolist()
    assert again.sections() == model.sections()
    assert "GOLD" in packed.sections


@pytest.mark.parametrize("kind", [GaussianMixture, BayesianGaussianMixture])
@pytest.mark.parametrize("scaled", [False, True])
def test_mixtures_are_anomalies_in_sixteenths_of_a_bit(kind, scaled):
    x = IRIS[0] * [1, 10, 100, 0.1] + [0, 0, 1e4, 0]
    x = np.column_stack([x, np.full(len(x), 7.5)])  # a sensor that is stuck
    estimator = kind(n_components=3, covariance_type="diag", random_state=0)
    estimator = make_pipeline(StandardScaler(), estimator) if scaled else estimator
    model = from_sklearn(estimator.fit(x), x)
    assert (model.kind.tag, model.task, model.report["rows"]) == ("GMIX", "anomaly", len(x))
    assert model.report["agreement"] >= 0.98
    assert model.answer(x).mean() == pytest.approx(0.01, abs=0.01)
    scores = model.predict(model.features.readings(x))[:, 0]
    assert scores.min() in {-1, 0, 1}
    if kind is GaussianMixture:
        true = -estimator.score_samples(x) / np.log(2) * 16
        assert np.abs(scores - np.minimum(true - true.min(), 1024)).max() <= 3
    far = x + np.array([0, 0, 900, 0, 0])
    assert model.answer(far).all()
    assert Predictor.from_model(cbm.unpack(cbm.pack(model.model()), "x"), "x").kind.tag == "GMIX"


REFUSALS = [
    (KMeans(2, n_init=1), "KMeans: is not taken; these are, behind scalers too: .*RandomForestClassifier"),
    (HistGradientBoostingRegressor(max_iter=2), "its trees are private: fit a GradientBoostingRegressor"),
    (GaussianMixture(2), "covariance_type='full' is not taken; covariance_type='diag' is"),
    (SVR(epsilon=10), "has no support vectors"),
    (SVR(kernel="poly"), "the kernel 'poly' is not taken"),
    (KNeighborsRegressor(weights="distance"), "weights='uniform' and Euclidean distances"),
    (KNeighborsRegressor(p=1), "Euclidean distances"),
    (mlp(MLPRegressor, activation="tanh"), "the activation 'tanh' is not taken"),
    (make_pipeline(MinMaxScaler(clip=True), LinearRegression()), "clip=True is not taken"),
    (
        make_pipeline(QuantileTransformer(n_quantiles=9), LinearRegression()),
        "this step is not taken; Standard",
    ),
    (make_pipeline(SimpleImputer(), LinearRegression()), "SimpleImputer: this step is not taken"),
    (
        make_pipeline(ColumnTransformer([("a", StandardScaler(), [0])]), LinearRegression()),
        "ColumnTransformer",
    ),
    (make_pipeline(PolynomialFeatures(2), SVR()), "SVR: is not taken behind PolynomialFeatures"),
    (make_pipeline(PolynomialFeatures(4), LinearRegression()), "at most degree 3"),
    (make_pipeline(PolynomialFeatures(2), PolynomialFeatures(2), LinearRegression()), "at most degree 3"),
    (GradientBoostingRegressor(init=LinearRegression(), n_estimators=2), "an init estimator is not taken"),
    (
        TransformedTargetRegressor(LinearRegression(), func=np.log1p, inverse_func=np.expm1),
        "a function is not",
    ),
]


@pytest.mark.parametrize(("estimator", "words"), REFUSALS, ids=lambda v: str(v)[:40])
def test_what_is_refused_says_so_in_one_line(estimator, words):
    x, y = IRIS
    with pytest.raises(ModelError, match=words) as caught:
        from_sklearn(estimator.fit(x, y), x)
    assert "\n" not in str(caught.value)


def test_what_makes_no_sense_is_refused():
    x, y = IRIS
    fitted = LinearRegression().fit(x, y)
    for values, words in (
        (x[:, :3], "the calibration has 3 columns and the estimator takes 4"),
        (x[0], "must be a table of finite numbers"),
        (x * np.nan, "must be a table of finite numbers"),
        ("abc", "must be a table of"),
    ):
        with pytest.raises(QuantizeError, match=words):
            from_sklearn(fitted, values)
    with pytest.raises(ModelError, match="is not fitted"):
        from_sklearn(LinearRegression(), x)
    with pytest.raises(ModelError, match="int: is not an estimator"):
        from_sklearn(3, x)

    class Mine(LinearRegression):
        pass

    with pytest.raises(ModelError, match="Mine: is not taken"):
        from_sklearn(Mine().fit(x, y), x)
    with pytest.raises(CanbeanError, match="decimals for 4 channels"):
        from_sklearn(fitted, x, decimals=[1])


README = Path(canbean.tiny.__file__).with_name("README.md").read_text()


def test_the_readmes_lines_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"## Alone\n.*?```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in code.splitlines() if line]) == 6
    x, y = IRIS
    exec(code, {"x": x, "y": y})
    assert Predictor.from_model(cbm.read(tmp_path / "iris.cbm")).report == {}


def test_the_readme_lists_what_is_taken_and_what_is_refused():
    taken = set(re.findall(r"`(\w+)`", README.split("Taken:")[1].split("Refused")[0]))
    assert taken >= {*TAKEN, *estimators.cols.SCALERS, "PolynomialFeatures", "TransformedTargetRegressor"}
    assert set(REFUSED) <= set(re.findall(r"`(\w+)`", README.split("Refused")[1]))
