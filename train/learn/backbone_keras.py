"""Read a backbone from a Keras HDF5 file: YAMNet's weights as Google publishes them, or a whole model of its layers."""

import io
import json
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.errors import ModelError
from stapes.train.learn.backbone_convolution import YAMNET_LAYERS, YAMNET_LAYOUT, BackboneConvolution, Kind

# batchnorm_epsilon in tensorflow/models, research/audioset/yamnet/params.py; a whole model states its own.
YAMNET_EPSILON = 1e-4
LARGEST_WEIGHTS = 1 << 24  # values of one array; YAMNet's largest kernel has 2^20

# Keras names a weight by its layer, once or twice: layer1/conv/bn/layer1/conv/bn/beta:0 in a file of weights alone,
# model_2/layer1/conv/bn/beta:0 in a file of a model.
_WEIGHT = re.compile(
    r"(?:^|/)layer(?P<layer>[0-9]{1,4})/(?P<part>conv|depthwise_conv|pointwise_conv)(?P<bn>/bn)?/(?:.*/)?"
    r"(?P<name>kernel|depthwise_kernel|gamma|beta|moving_mean|moving_variance)(?::0)?$"
)
_KINDS: dict[str, Kind] = {"conv": "convolution", "depthwise_conv": "depthwise", "pointwise_conv": "pointwise"}


@dataclass(frozen=True)
class _KerasFile:
    """What a file holds: arrays by names such as layer1/conv/bn/beta, and the settings of Keras layers by name."""

    source: str
    weights: dict[str, NDArray[Any]]
    settings: dict[str, dict[str, Any]]


def read_keras_convolutions(data: bytes, source: str) -> list[BackboneConvolution]:
    """Return the convolutions of all layers that the bytes of an HDF5 file hold. `source` names it in messages.

    Raises ModelError for a damaged file and for one of another layout.
    """
    file = _read_file(data, source)
    numbers = sorted({int(name.split("/")[0].removeprefix("layer")) for name in file.weights})
    if numbers != list(range(1, len(numbers) + 1)) or len(numbers) > len(YAMNET_LAYERS):
        raise ModelError(
            f"{source}: holds the layers {', '.join(map(str, numbers))}; expected are layers 1 to "
            f"{len(YAMNET_LAYERS)} or the first of them, without a gap"
        )
    parts = [f"layer{number}/{part}" for number in numbers for part in _parts(number)]
    return [_convolution(file, part) for part in parts]


def _parts(layer: int) -> tuple[str, ...]:
    return ("conv",) if layer == 1 else ("depthwise_conv", "pointwise_conv")


def _read_file(data: bytes, source: str) -> _KerasFile:
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            group = file.get("model_weights", file)
            arrays: dict[str, h5py.Dataset] = {}
            group.visititems(lambda name, item: arrays.update({name: item}) if isinstance(item, h5py.Dataset) else None)
            weights = _named_weights(arrays, source)
            settings = _layer_settings(json.loads(file.attrs.get("model_config", "null")))
    except ModelError:
        raise
    except Exception as error:  # h5py raises what its reading of a damaged file runs into, of a dozen types
        reason = " ".join(str(error).split())
        raise ModelError(
            f"{source}: is truncated or damaged: HDF5 says {reason!r}; get a whole copy of the file"
        ) from error
    if not weights:
        found = ", ".join(list(arrays)[:3]) or "no arrays"
        raise ModelError(
            f"{source}: has no weights named as YAMNet's are, layer1/conv/kernel, layer2/depthwise_conv/"
            f"depthwise_kernel and so on; found {found}"
        )
    return _KerasFile(source, weights, settings)


def _named_weights(arrays: dict[str, Any], source: str) -> dict[str, NDArray[Any]]:
    weights = {}
    for path, array in arrays.items():
        if not (match := _WEIGHT.search(path)):
            continue
        name = f"layer{int(match['layer'])}/{match['part']}{match['bn'] or ''}/{match['name']}"
        if name in weights:
            raise ModelError(f"{source}: holds {name} twice; expected is one network of {YAMNET_LAYOUT}")
        if array.size is None or array.size > LARGEST_WEIGHTS or array.dtype.kind != "f":
            raise ModelError(
                f"{source}: {name} has shape {array.shape} of {array.dtype}; expected are at most {LARGEST_WEIGHTS} "
                "floating-point numbers"
            )
        weights[name] = np.asarray(array[()])
    return weights


def _layer_settings(value: Any) -> dict[str, dict[str, Any]]:
    """Return the settings of every layer in a Keras model_config, however deep the models are nested."""
    found: dict[str, dict[str, Any]] = {}
    if isinstance(value, dict):
        config = value.get("config")
        if "class_name" in value and isinstance(config, dict) and isinstance(config.get("name"), str):
            found[config["name"]] = config
        children = list(value.values())
    else:
        children = value if isinstance(value, list) else []
    for child in children:
        found |= _layer_settings(child)
    return found


@np.errstate(over="ignore", invalid="ignore")  # in a damaged file; check_convolutions refuses infinities
def _convolution(file: _KerasFile, part: str) -> BackboneConvolution:
    layer, _, keras_name = part.partition("/")
    kind = _KINDS[keras_name]
    kernel = _weight(file, f"{part}/{'depthwise_kernel' if kind == 'depthwise' else 'kernel'}", axes=4)
    kernel_settings, bn_settings = file.settings.get(part, {}), file.settings.get(f"{part}/bn", {})
    default = 1 if kind == "pointwise" else YAMNET_LAYERS[int(layer.removeprefix("layer")) - 1][1]
    strides = kernel_settings.get("strides", [default, default])
    padding, dilation = kernel_settings.get("padding", "same"), kernel_settings.get("dilation_rate", [1, 1])
    if strides not in ([1, 1], [2, 2]) or padding != "same" or dilation != [1, 1]:
        raise ModelError(
            f"{file.source}: {part} has strides {strides}, padding {padding!r}, dilation {dilation}; supported are "
            "strides of 1 or 2, the same in both directions, padding 'same' and no dilation"
        )
    channels_axis = 2 if kind == "depthwise" else 3
    epsilon, highest = (
        bn_settings.get("epsilon", YAMNET_EPSILON),
        file.settings.get(_relu_of(part), {}).get("max_value"),
    )
    if not isinstance(epsilon, int | float) or not isinstance(highest, int | float | None):
        raise ModelError(
            f"{file.source}: {part} has the BatchNorm epsilon {epsilon!r} and the ReLU max_value {highest!r}; need a "
            "number, and one or none"
        )
    scale, bias = _batch_norm(file, part, kernel.shape[channels_axis], epsilon)
    folded = kernel * (scale[:, np.newaxis] if kind == "depthwise" else scale)
    return BackboneConvolution(
        kind=kind,
        kernel=folded.astype(np.float32),
        bias=bias.astype(np.float32),
        stride=strides[0],
        activation_max=math.inf if highest is None else float(highest),
    )


def _relu_of(part: str) -> str:
    """Return how YAMNet names the ReLU after a convolution."""
    return "layer1/relu" if part == "layer1/conv" else f"{part}/relu"


def _batch_norm(
    file: _KerasFile, part: str, channels: int, epsilon: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return factor and offset, float64[channels] each, of gamma (x - mean) / sqrt(variance + epsilon) + beta."""
    names = ("beta", "moving_mean", "moving_variance")
    beta, mean, variance = (_weight(file, f"{part}/bn/{name}", axes=1) for name in names)
    has_gamma = f"{part}/bn/gamma" in file.weights  # YAMNet has none, because a ReLU and a convolution follow
    gamma = _weight(file, f"{part}/bn/gamma", axes=1) if has_gamma else np.ones(channels)
    sizes = {array.shape for array in (beta, mean, variance, gamma)}
    if sizes != {(channels,)}:
        raise ModelError(
            f"{file.source}: {part} has {channels} output channels, but its BatchNorm has arrays of the shapes "
            f"{', '.join(map(str, sorted(sizes)))}"
        )
    if np.min(variance) + epsilon <= 0:
        raise ModelError(
            f"{file.source}: {part}/bn/moving_variance has the value {np.min(variance):g}; a variance is never negative"
        )
    scale = gamma / np.sqrt(variance + epsilon)
    return scale, beta - mean * scale


def _weight(file: _KerasFile, name: str, axes: int) -> NDArray[np.float64]:
    if name not in file.weights:
        raise ModelError(f"{file.source}: has no {name}; expected is {YAMNET_LAYOUT}, with BatchNorm before each ReLU")
    values = file.weights[name].astype(np.float64)
    if values.ndim != axes or 0 in values.shape:
        raise ModelError(f"{file.source}: {name} has shape {list(values.shape)}; expected are {axes} axes, none empty")
    if strange := int(np.sum(~np.isfinite(values))):
        raise ModelError(
            f"{file.source}: {strange} of the {values.size} values of {name} are NaN or infinite; get a sound copy of "
            "the file"
        )
    return values
