"""Invented titles: unique, of the kind one meets in a shop, with a word that hints at the category."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.rng import below_array
from recsim_envs.worlds.recipe_kernels import TITLE


def _words(text: str) -> list[str]:
    return text.split()


ADJECTIVES: Final = _words(
    "Amber Ancient Ashen Blazing Bitter Borrowed Bright Broken Burning Copper Crimson Crooked Distant Dusty Electric "
    "Emerald Endless Faded Fallen Feral Forgotten Frozen Gilded Golden Hidden Hollow Humble Idle Infinite Iron "
    "Ivory Last Little Lonely Lost Lucky Marble Merry Midnight Mild Neon Northern Obsidian Pale Paper Patient Quiet "
    "Radiant Restless Rusty Sable Sacred Scarlet Secret Shattered Silent Silver Sleeping Southern Stolen Stubborn "
    "Sunken Tidal Tiny Twilight Umber Velvet Wandering Whispering Wild Winter Wooden Yellow Zealous"
)
PLACES: Final = _words(
    "Aldermoor Ambleford Arkhollow Bellmere Birchaven Blackwater Brindle Cairnwick Calder Candlemoor Cinderford "
    "Coldharbour Corvane Dawnreach Drumlin Dunmarrow Eastmere Elderwick Emberfall Fairhaven Farrowdale Fenwick Galleon "
    "Glasswater Greymarsh Halcyon Harrowgate Hazelton Highmoor Ironvale Jasper Kestrel Kingsbarrow Larkspur Longmere "
    "Lowfell Marrow Meridian Mistral Mornhaven Nightingale Oakhollow Orison Pinecrest Quillon Ravenscar Redfern "
    "Rookhaven Saltmarsh Sandrift Silverlake Stonebridge Sundown Tarnholm Thistledown Umberwood Vesper Wexcombe "
    "Whitecliff Willowbank Windrush Wintermere Wolfden Yarrow Zephyr"
)
NAMES: Final = _words(
    "Ada Agnes Alma Anselm Arthur Basil Beatrix Bruno Cassius Celia Clara Conrad Cora Dahlia Dora Edith Edmund Elias "
    "Elsa Esme Felix Fiona Flora Greta Gideon Hana Hector Helena Hugo Ida Imogen Iris Jonas Juno Klara Lena Leopold "
    "Lydia Magnus Maren Mathilda Milo Nadia Nell Oscar Otto Petra Quentin Rosa Rufus Sabine Silas Solveig Tamsin "
    "Theo Tobias Ursula Vera Viola Walter Wilhelmina Xenia Yara Zora"
)

PATTERNS: Final = {
    "games": (
        "{a} {n}", "{n} of {p}", "{p}: {a} {n}", "{a} {n}: {p}", "{n} & {m}", "{p} {n}", "The {a} {n}", "{name}'s {n}",
        "{a} {n} {m}", "{n}: The {a} {m}",
    ),
    "books": (
        "The {n} of {p}", "The {a} {n}", "{name}'s {n}", "The {n} for {name}", "{name} and the {a} {n}",
        "{a} {n}, {b} {m}", "The {n} at {p}", "One {a} {n}", "{n} and {m}",
        "What {name} Knew of the {n}", "Under the {a} {n}", "{p} {n}",
    ),
    "videos": (
        "{name} tries {a} {n}", "{a} {n} in {p}", "{n}? {m}!", "When the {n} is {a}", "{name} and the {n}",
        "POV: {a} {n}", "{n} of the Day: {p}", "{name}'s {a} {n}", "Wait for the {n}, {name}", "{p} {n} Diary",
    ),
}  # fmt: skip
SEQUELS: Final = {"games": ("", " II", " III", " IV"), "books": ("", ": Book Two", ": Book Three", ": Book Four")}
_TRIES = 40


def invent(
    seed: int, style: str, nouns: list[list[str]], category: NDArray[np.int64], first: NDArray[np.int64]
) -> list[str]:
    """One title an item, all different even without regard to case.

    `nouns[c]` are the words of category c, `category[i]` the category that item i's title hints at, `first[i]`
    the first item of its series: a later one bears the same title with a number.
    """
    lists = [PATTERNS[style], ADJECTIVES, ADJECTIVES, PLACES, NAMES]
    steps, lanes = np.arange(len(first))[:, None], np.arange(_TRIES)[None]
    drawn = [below_array(len(words), seed, steps, TITLE, 8 * lanes + k) for k, words in enumerate(lists)]
    sizes = np.array([len(words) for words in nouns])[category][:, None]
    n = below_array(sizes, seed, steps, TITLE, 8 * lanes + 5)
    m = (n + 1 + below_array(sizes - 1, seed, steps, TITLE, 8 * lanes + 6)) % sizes
    taken: set[str] = set()
    titles: list[str] = []
    for i, base in enumerate(first.tolist()):
        if base != i:
            title = titles[base] + SEQUELS[style][i - base]
        else:
            words = nouns[category[i]]
            for t in range(_TRIES):
                pattern, a, b, p, name = (lists[k][drawn[k][i, t]] for k in range(5))
                title = pattern.format(a=a, b=b, p=p, name=name, n=words[n[i, t]], m=words[m[i, t]])
                if title.casefold() not in taken:
                    break
            else:
                title = f"{title} {i}"
        taken.add(title.casefold())
        titles.append(title)
    return titles
