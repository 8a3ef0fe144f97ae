"""KuaiRec and KuaiRand: short videos of Kuaishou, with a fully watched block and with videos shown at random.

Formats: the READMEs of https://github.com/chongminggao/KuaiRec and https://github.com/chongminggao/KuaiRand. Files and
MD5 checksums: the records 18164998 and 10439422 of Zenodo, where the authors keep them.
"""

from __future__ import annotations

from typing import Final

from recsim_envs.worlds.sources.source import Licence, RawFile, Source

_LICENCE: Final = Licence(
    "CC BY-SA 4.0",
    "You may use, change and pass on the data, also commercially, if you name the authors, say what you changed, and "
    "give out what you derive from them under the same licence.",
    "https://creativecommons.org/licenses/by-sa/4.0/",
)
_READERS: Final = "recsim_envs.worlds.sources.readers.kuaishou"
_KUAIREC: Final = "https://zenodo.org/records/18164998/files"

KUAIREC: Final = Source(
    "kuairec",
    "KuaiRec 2.0",
    "https://kuairec.com",
    _LICENCE,
    "C. Gao, S. Li, W. Lei, J. Chen, B. Li, P. Jiang, X. He, J. Mao and T.-S. Chua. KuaiRec: A Fully-observed Dataset "
    "and Insights for Evaluating Recommender Systems. CIKM 2022. https://doi.org/10.1145/3511808.3557220",
    "videos",
    "watch_ratio (time watched by length of the video), cut off at 5: the label that the authors propose; a video left "
    "to run in a loop would otherwise count hundreds of times. The random split is the small matrix, whose users were "
    "shown nearly all of its videos, so that nobody's taste decided what is in it",
    (
        RawFile(
            f"{_KUAIREC}/KuaiRec.zip",
            "KuaiRec.zip",
            "md5:261550d472c48eff4990fb13c0e5bcf7",
            432_000_000,
            ("data/big_matrix.csv", "data/small_matrix.csv", "data/item_categories.csv"),
            1_600_000_000,
        ),
        RawFile(
            f"{_KUAIREC}/kuairec_caption_category.csv",
            "kuairec_caption_category.csv",
            "md5:31bc38cdccdf75a71df137779035f8cb",
        ),
    ),
    f"{_READERS}:read_kuairec",
)


def _kuairand(version: str, md5: str, size: int, unpacked: int, note: str) -> Source:
    end = version.lower()
    return Source(
        f"kuairand-{end}",
        f"KuaiRand-{version}",
        "https://kuairand.com",
        _LICENCE,
        "C. Gao, S. Li, Y. Zhang, J. Chen, B. Li, W. Lei, P. Jiang and X. He. KuaiRand: An Unbiased Sequential "
        "Recommendation Dataset with Randomly Exposed Videos. CIKM 2022. https://doi.org/10.1145/3511808.3557624",
        "videos",
        "is_click, 0 or 1: what the videos shown at random were collected for; it means the same on the two kinds of "
        f"screens (a click, or a view of more than seven seconds). {note}",
        (
            RawFile(
                f"https://zenodo.org/records/10439422/files/KuaiRand-{version}.tar.gz",
                f"KuaiRand-{version}.tar.gz",
                f"md5:{md5}",
                size,
                (
                    f"data/log_standard_4_08_to_4_21_{end}.csv",
                    f"data/log_standard_4_22_to_5_08_{end}.csv",
                    f"data/log_random_4_22_to_5_08_{end}.csv",
                    f"data/video_features_basic_{end}.csv",
                ),
                unpacked,
            ),
        ),
        f"{_READERS}:read_kuairand_{end}",
    )


KUAISHOU: Final = (
    KUAIREC,
    _kuairand("Pure", "0820331067a3784d9691136f772b35a7", 47_432_272, 190_000_000,
              "Only 7,583 candidate videos are kept, so the order of what a user saw has gaps"),
    _kuairand("1K", "6b0b9c8222d67fcd4c676218edca3f1f", 1_100_000_000, 1_220_000_000,
              "All that 1,000 users saw, in order, among 4.4 million videos"),
)  # fmt: skip
