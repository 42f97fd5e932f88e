"""What holds for every test: one backend, a quiet TensorFlow, the same random numbers, no leftovers."""

import os
import shutil
import tempfile

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch's threads wait for each other in operations as small as these

# What JAX has compiled it need not compile again for the next model that is the same. Each process has its own folder,
# since JAX does not lock it.
os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp()
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

import keras
import pytest

BACKEND = keras.backend.backend()

if BACKEND == "tensorflow":
    import tensorflow as tf

    # Two devices for `tf.distribute`, before TensorFlow starts; everything else is on the first.
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


def pytest_unconfigure():
    shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


def pytest_report_header():
    return f"keras {keras.__version__} on {BACKEND}"


def pytest_collection_modifyitems(config, items):
    """Leave the tests marked `tensorflow` out on other backends."""
    if BACKEND == "tensorflow":
        return
    left_out = [item for item in items if item.get_closest_marker("tensorflow")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(autouse=True)
def fresh_keras():
    """Each test starts with the same random numbers and leaves no setting, name or compiled function behind."""
    keras.utils.set_random_seed(0)
    floatx = keras.config.floatx()
    yield
    keras.config.set_floatx(floatx)
    keras.utils.clear_session(free_memory=False)
    if BACKEND == "torch":
        import torch

        torch.compiler.reset()  # it gives up on a function that it has compiled 8 times
