"""Images of any size and mode as the tensor that CLIP reads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

SIZE = 32

# CLIP's own preprocessing: the shorter side to SIZE, the middle square, the statistics of its training set.
to_pixels = Compose(
    [
        Resize(SIZE, interpolation=InterpolationMode.BICUBIC),
        CenterCrop(SIZE),
        ToTensor(),
        Normalize(OPENAI_CLIP_MEAN, OPENAI_CLIP_STD),
    ]
)


def prepare(images: Sequence[Image.Image]) -> torch.Tensor:
    """(images, 3, SIZE, SIZE). What an image leaves transparent becomes white."""
    return torch.stack([to_pixels(_opaque(image)) for image in images])


def _opaque(image: Image.Image) -> Image.Image:
    # A palette may hold transparency too, and a plain convert("RGB") shows the colour that lies under it.
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    background = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(background, image).convert("RGB")
