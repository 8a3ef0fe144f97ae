"""Drawing with Pillow: twice as large as wanted, then reduced, which smooths lines and marks."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError
from recsim_envs.text.catalogue import plain

SCALE: Final = 2
INK, FAINT, GRID = "#222222", "#6b6b6b", "#dcdcdc"
# Okabe and Ito, "Color universal design" (2008): told apart with every common colour blindness.
PALETTE: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#8A8A8A")
SHAPES: Final = ("circle", "square", "diamond", "triangle")
_LONGEST: Final = 100  # characters of a text that comes from outside

Point = tuple[float, float]


class Canvas:
    """A white picture; coordinates are pixels of the final size, from the top left corner."""

    def __init__(self, width: int, height: int) -> None:
        try:
            from PIL import Image, ImageDraw
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "render_mode 'rgb_array' needs Pillow; install it with pip install 'longrec[render]'"
            ) from error
        self._image = Image.new("RGB", (width * SCALE, height * SCALE), "white")
        self._draw = ImageDraw.Draw(self._image)

    def line(self, points: list[Point], color: str, width: float = 1.0) -> None:
        """A line through the points."""
        self._draw.line(_scaled(points), color, max(1, round(width * SCALE)), joint="curve")

    def dashes(self, start: Point, end: Point, color: str, width: float = 1.0, length: float = 9.0) -> None:
        """A dashed straight line."""
        (x0, y0), (x1, y1) = start, end
        count = max(1, int(max(abs(x1 - x0), abs(y1 - y0)) / length))
        ends = [(x0 + n / count * (x1 - x0), y0 + n / count * (y1 - y0)) for n in range(count + 1)]
        for n in range(0, count, 2):
            self.line(ends[n : n + 2], color, width)

    def area(self, points: list[Point], color: str) -> None:
        """A filled polygon."""
        self._draw.polygon(_scaled(points), color)

    def box(self, left: float, top: float, right: float, bottom: float, color: str) -> None:
        """A filled rectangle, at least a pixel in each direction."""
        right, bottom = max(right, left + 1), max(bottom, top + 1)
        self._draw.rectangle(_scaled([(left, top), (right, bottom)]), color)

    def mark(self, x: float, y: float, radius: float, group: int) -> None:
        """The mark of a group: eight colours in four shapes."""
        color, shape = PALETTE[group % len(PALETTE)], SHAPES[group // len(PALETTE) % len(SHAPES)]
        if shape == "circle":
            corners = _scaled([(x - radius, y - radius), (x + radius, y + radius)])
            self._draw.ellipse(corners, color, INK, SCALE)
        else:
            r = radius * {"square": 0.88, "diamond": 1.15, "triangle": 1.12}[shape]
            outlines: dict[str, list[Point]] = {
                "square": [(-r, -r), (r, -r), (r, r), (-r, r)],
                "diamond": [(0, -r), (r, 0), (0, r), (-r, 0)],
                "triangle": [(0, -r), (r, 0.8 * r), (-r, 0.8 * r)],
            }
            corners = _scaled([(x + dx, y + dy) for dx, dy in outlines[shape]])
            self._draw.polygon(corners, color, INK, SCALE)

    def bar(self, x: float, y: float, half_width: float, half_height: float, group: int) -> None:
        """The colour of a group alone, where there is no room for its shape."""
        color = PALETTE[group % len(PALETTE)]
        self.box(x - half_width, y - half_height, x + half_width, y + half_height, color)

    def text(self, x: float, y: float, text: str, size: int, color: str = INK, anchor: str = "lm") -> None:
        """One line of text; `anchor` as Pillow has it: l, m or r, then a, m, s or d."""
        self._draw.text((x * SCALE, y * SCALE), text, color, _font(size * SCALE), anchor=anchor)

    def sideways(self, x: float, y: float, text: str, size: int, color: str = INK) -> None:
        """Text that reads upwards, centred on a point."""
        from PIL import Image, ImageDraw

        left, top, right, bottom = (round(edge) for edge in _font(size * SCALE).getbbox(text, anchor="ls"))
        strip = Image.new("L", (right - left + 4, bottom - top + 4), 0)
        ImageDraw.Draw(strip).text((2 - left, 2 - top), text, 255, _font(size * SCALE), anchor="ls")
        turned = strip.rotate(90, expand=True)
        corner = round(x * SCALE - turned.width / 2), round(y * SCALE - turned.height / 2)
        self._image.paste(color, (*corner, corner[0] + turned.width, corner[1] + turned.height), turned)

    def width(self, text: str, size: int) -> float:
        """How wide a line of text is."""
        return float(_font(size * SCALE).getlength(text)) / SCALE

    def fitted(self, text: str, size: int, room: float) -> str:
        """The text on one line, shortened with "…" until it is at most `room` wide."""
        text = plain(text, _LONGEST)
        if self.width(text, size) <= room:
            return text
        while text and self.width(text + "…", size) > room:
            text = text[:-1].rstrip()
        return text + "…"

    def pixels(self) -> NDArray[np.uint8]:
        """The picture, uint8 (height, width, 3)."""
        return np.asarray(self._image.reduce(SCALE), np.uint8).copy()


@lru_cache(maxsize=16)
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)  # Aileron, which comes with Pillow: the same on every machine


def _scaled(points: list[Point]) -> list[Point]:
    return [(x * SCALE, y * SCALE) for x, y in points]
