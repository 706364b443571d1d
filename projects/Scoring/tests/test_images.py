from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPImageProcessor

from scoring import SIZE, prepare


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.mark.parametrize(("width", "height"), [(SIZE, SIZE), (90, 60), (60, 91), (20, 30)])
def test_pixels_are_those_of_the_processor_that_clip_comes_with(width: int, height: int) -> None:
    processor = CLIPImageProcessor(size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE})
    image = noise(width, height)

    expected = processor(image, return_tensors="pt").pixel_values

    torch.testing.assert_close(prepare([image]), expected, atol=1e-5, rtol=0)


def test_every_mode_is_read_and_transparency_is_white() -> None:
    white, *others = prepare(
        [
            Image.new("RGB", (40, 40), "white"),
            Image.new("L", (40, 40), 255),
            Image.new("1", (40, 40), 1),
            Image.new("RGBA", (40, 40), (255, 0, 0, 0)),
            Image.new("LA", (40, 40), (0, 0)),
        ]
    )

    for other in others:
        assert torch.equal(other, white)
    red, half = prepare([Image.new("RGB", (40, 40), "red"), Image.new("RGBA", (40, 40), (255, 0, 0, 128))])
    assert torch.equal(red[0], half[0])
    assert (red[1] < half[1]).all()


def test_a_transparent_palette_colour_is_white_too() -> None:
    image = Image.new("P", (40, 40), 0)
    image.putpalette([255, 0, 0])
    image.info["transparency"] = 0

    assert torch.equal(prepare([image]), prepare([Image.new("RGB", (40, 40), "white")]))
