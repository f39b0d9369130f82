"""Hooks: methods that come, and go again, and say what is missing."""

import types

import numpy as np
import pytest

import trine
import trine.syft as sy
from trine.errors import ClusterError, InputError, UnknownModelError, UnsupportedModelError
from trine.nn import Dense, Sequential

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install 'trine[keras]'")
torch = pytest.importorskip("torch")

METHODS = ("share", "serve", "stop")


@pytest.fixture(autouse=True)
def unhooked():
    yield
    sy.KerasHook(keras).unhook()
    sy.TorchHook(torch).unhook()


def cluster():
    return sy.TFECluster(sy.TFEWorker(), sy.TFEWorker(), sy.TFEWorker())


def keras_model():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])


@pytest.mark.parametrize(
    ("hook", "framework", "kind"),
    [(sy.KerasHook, keras, keras.Model), (sy.TorchHook, torch, torch.nn.Module)],
)
def test_methods_come_and_go(hook, framework, kind):
    assert not any(hasattr(kind, name) for name in METHODS)
    first = hook(framework)
    added = {name: vars(kind)[name] for name in METHODS}
    assert all(method.__doc__ for method in added.values())
    second = hook(framework)
    assert {name: vars(kind)[name] for name in METHODS} == added
    second.unhook()
    assert not any(hasattr(kind, name) for name in METHODS)
    first.unhook()
    with hook(framework):
        assert vars(kind)["share"] is added["share"]
    assert not any(hasattr(kind, name) for name in METHODS)


def test_both_hooks_in_either_order():
    for hooks in ((sy.KerasHook, keras), (sy.TorchHook, torch)), ((sy.TorchHook, torch), (sy.KerasHook, keras)):
        made = [hook(framework) for hook, framework in hooks]
        assert "input_shape" in torch.nn.Module.share.__doc__
        assert "input_range" in keras.Model.share.__doc__
        for hook in made:
            hook.unhook()
        assert not any(hasattr(kind, name) for kind in (keras.Model, torch.nn.Module) for name in METHODS)


def test_methods_of_their_own_are_not_replaced():
    class Model:
        def serve(self):
            return "mine"

    with pytest.raises(InputError, match="has a method share or serve or stop of its own"):
        sy.KerasHook(types.SimpleNamespace(Model=Model))
    assert Model().serve() == "mine"
    assert not hasattr(Model, "share")


@pytest.mark.parametrize(("hook", "name"), [(sy.KerasHook, "keras"), (sy.TorchHook, "torch")])
@pytest.mark.parametrize("wrong", [None, "keras", types.SimpleNamespace(nn=None)])
def test_hooks_take_modules(hook, name, wrong):
    with pytest.raises(InputError, match=f"import {name}, then pass {name}"):
        hook(wrong)


def test_what_comes_first():
    sy.KerasHook(keras)
    model = keras_model()
    with pytest.raises(ClusterError, match=r"cluster.start\(\) comes first"):
        model.share(cluster())
    with pytest.raises(InputError, match="takes a TFECluster, not a str"):
        model.share("localhost:4000")
    with pytest.raises(UnknownModelError, match=r"model.share\(cluster\) comes first"):
        model.serve(num_requests=1)
    model.stop()


@pytest.fixture(scope="module")
def started():
    with cluster() as running:
        yield running


def ask(running, model, shapes, x):
    """Serves a shared model once, and asks it."""
    with sy.TFEClient() as client:
        client.connect_to_model(*shapes, running)
        running.running.service().serve(num_requests=1, block=False)
        answer = client.query_model(x)
    model.stop()
    return answer


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # from within Keras on torch
def test_keras_models(started):
    sy.KerasHook(keras)
    inputs = keras.Input((4,))
    functional = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    x = np.linspace(-1, 1, 4)[None]
    for model in (keras_model(), functional):
        model.share(started, input_range=(-1, 1))
        answer = ask(started, model, ((1, 4), (1, *model.output_shape[1:])), x)
        np.testing.assert_allclose(answer, model.predict(x, verbose=0), atol=1e-3)


def test_a_model_is_shared_once_and_never_over_another(started):
    sy.KerasHook(keras)
    first, second = keras_model(), keras_model()
    first.share(started)
    with pytest.raises(InputError, match=r"shared already: model.stop\(\) comes first"):
        first.share(started)
    with pytest.raises(InputError, match="a model named 'model' is already shared"):
        second.share(started)
    second.share(started, name="second")
    with sy.TFEClient() as client, pytest.raises(UnknownModelError, match="say which model"):
        client.connect_to_model((1, 4), (1, 3), started)
    second.stop()
    first.stop()
    first.stop()
    first.share(started)
    first.stop()


def test_a_cluster_that_was_stopped_and_started_again():
    sy.KerasHook(keras)
    model, running = keras_model(), cluster()
    running.start()
    model.share(running)
    running.stop()
    model.stop()  # it went with its workers
    running.start()
    model.share(running)
    running.stop()
    running.start()
    with pytest.raises(UnknownModelError, match="is not shared"):
        model.serve()
    running.stop()


def test_workers_that_somebody_else_runs_keep_their_models(free_ports):
    sy.KerasHook(keras)
    model = keras_model()
    with trine.Cluster.local(ports=free_ports) as theirs:
        workers = [sy.TFEWorker(f"localhost:{port}", auto_managed=False) for port in free_ports]
        with sy.TFECluster(*workers, cluster_file=theirs.owner_file) as cluster:
            model.share(cluster)
        assert theirs.service().status().serving is False  # shared, after the owner has gone
        model.stop()
        with pytest.raises(UnknownModelError):
            theirs.service()


def test_models_that_cannot_be_run(started):
    sy.KerasHook(keras)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="exponential")])
    with pytest.raises(UnsupportedModelError, match="exponential"):
        model.share(started)
    with pytest.raises(InputError, match="positive integer or None"):
        keras_model_served(started, num_requests=0)


def keras_model_served(started, num_requests):
    model = keras_model()
    model.share(started)
    try:
        model.serve(num_requests)
    finally:
        model.stop()


def test_torch_modules(started, monkeypatch):
    sy.TorchHook(torch)
    module = torch.nn.Linear(4, 3)
    with pytest.raises(InputError, match=r"input_shape=\(1, 28, 28\)\), without a batch axis"):
        module.share(started)

    def importer(given, input_shape):
        assert given is module
        weight, bias = (parameter.detach().numpy() for parameter in (given.weight, given.bias))
        return Sequential([Dense(weight.T, bias)], input_shape)

    monkeypatch.setattr(trine.nn, "from_torch", importer, raising=False)
    module.share(started, input_shape=[4])
    x = np.linspace(0, 1, 4)[None]
    answer = ask(started, module, ((1, 4), (1, 3)), x)
    with torch.no_grad():
        np.testing.assert_allclose(answer, module(torch.tensor(x, dtype=torch.float32)), atol=1e-3)


def test_without_an_importer_of_torch_modules(started, monkeypatch):
    sy.TorchHook(torch)
    monkeypatch.delattr(trine.nn, "from_torch", raising=False)
    with pytest.raises(UnsupportedModelError, match="does not take torch modules over"):
        torch.nn.Linear(4, 3).share(started, input_shape=(4,))
