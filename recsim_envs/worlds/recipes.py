"""The recipes of the shops that come with the package, games and books: constants, nothing else."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from recsim_envs.worlds.storage import content_hash
from recsim_envs.worlds.video_recipe import VIDEOS, VideoRecipe


@dataclass(frozen=True)
class Recipe:
    """What `synthetic.generate` needs. Percentages and hundredths are integers; see `recipe_kernels` for their use.

    `categories` holds (name, weight, words for titles). The first `broad_categories` belong to no taste. With
    `sub_categories` the catalogue has two levels; the listed names are the main categories then.
    """

    name: str
    domain: str
    seed: int
    users: int
    train_users: int
    items: int
    categories: tuple[tuple[str, int, str], ...]
    tastes: int
    distance_unit: int  # vectors are scaled so that one standard deviation of the own part is this long
    threshold: int
    horizon: int
    effects: tuple[int, int, int, int]  # hundredths: mood, quality, liking, whim
    ceiling: int  # hundredths: liking a taste more than this adds nothing
    cuts: tuple[int, ...]  # hundredths: where reward 2, 3, 4 and 5 begin
    watched: tuple[int, ...]  # per cent watched, by the reward it would give
    fame_flatness: int  # weight of the item of rank k is 1 / (k + this)
    percent_home: int  # items whose first category belongs to their taste
    veto: int = 400  # hundredths: a whim below minus this makes the reward 1; 347 or more is never reached
    broad_categories: int = 0
    category_counts: tuple[int, ...] = ()  # per cent of items with 1, 2, ... categories
    sub_categories: tuple[str, ...] = ()
    total_categories: int = 0
    percent_sequel: int = 12
    longest_series: int = 4
    dim: int = 12
    style_weights: tuple[int, int, int] = (40, 100, 20)  # hundredths: taste, own, sequel
    log_lengths: tuple[int, int] = (30, 40)
    window: int = 4
    r_min: int = 2

    def digest(self) -> str:
        """Short name of these constants and of the generator's version: the cached world's folder bears it."""
        return content_hash("synthetic-1", asdict(self))[:16]

    def record(self) -> dict[str, Any]:
        """The constants as JSON, for `world.json`."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items() if k != "categories"}


GAMES: Final = Recipe(
    name="games",
    domain="games",
    seed=20240316,
    users=2000,
    train_users=1000,
    items=6012,
    tastes=18,
    distance_unit=27,
    threshold=50,
    horizon=70,
    effects=(100, 68, 434, 20),
    ceiling=-6,
    cuts=(-161, -92, -54, -18),
    watched=(2, 6, 25, 70, 100),
    fame_flatness=34,
    percent_home=100,
    veto=240,
    broad_categories=3,
    category_counts=(50, 34, 11, 3, 1, 1),
    categories=(
        ("Action", 2940, "Strike Fury Assault Vendetta Gauntlet Rampage Havoc Reckoning"),
        ("Independent", 2100, "Echoes Fragments Lantern Paradox Wander Hush Tangle Bloom"),
        ("Adventure", 1960, "Expedition Odyssey Voyage Relics Frontier Passage Compass Trail"),
        ("Strategy", 200, "Dominion Legions Conquest Tactics Banners Sovereign Campaigns Bastion"),
        ("Casual", 170, "Garden Bakery Bubbles Picnic Marbles Kittens Orchard Confetti"),
        ("Role-Playing", 140, "Oathbound Runes Chronicles Wyverns Heirs Prophecy Paladins Grimoire"),
        ("Simulation", 110, "Airlines Harbour Workshop Railyard Foundry Tycoon Control Logistics"),
        ("Puzzle", 90, "Labyrinth Cipher Prism Tiles Gears Riddles Knots Mosaic"),
        ("Shooter", 90, "Crossfire Salvo Ballistics Outpost Ricochet Commandos Payload Warzone"),
        ("Platformer", 80, "Leap Springs Vaults Rooftops Bounce Towers Acrobats Ledges"),
        ("Horror", 70, "Asylum Dread Whispers Cellar Shrouds Nightmare Crypt Hunger"),
        ("Survival", 70, "Castaway Wastes Embers Shelter Wilds Drought Tundra Rations"),
        ("Multiplayer", 65, "Arena Guilds Clash Rivals Legends Skirmish Squads League"),
        ("Racing", 60, "Drift Apex Circuit Throttle Slipstream Rally Overdrive Chicane"),
        ("Sports", 55, "Champions Kickoff Overtime Playoffs Slam Striker Innings Grand Tour"),
        ("Building", 50, "Colony Settlers Metropolis Scaffold Blueprint Citadel Bricks Terraform"),
        ("Card Game", 40, "Decks Gambit Shuffle Wagers Jokers Tricks Trumps Dealers"),
        ("Fighting", 35, "Knockout Brawlers Fists Combo Dojo Duelists Uppercut Ronin"),
        ("Stealth", 30, "Shadows Infiltrator Heist Cloak Silhouette Burglars Nightfall Espionage"),
        ("Rhythm", 25, "Beats Tempo Encore Synth Melody Cadence Groove Chorus"),
        ("Visual Novel", 25, "Letters Promises Memories Confessions Cherry Diaries Serenade Farewell"),
    ),
)

_MODIFIERS: Final = (
    "Contemporary", "Classics", "Series", "Historical", "Humour", "Short Works", "Essays", "Illustrated", "Guides",
)  # fmt: skip

BOOKS: Final = Recipe(
    name="books",
    domain="books",
    seed=20240317,
    users=2000,
    train_users=1000,
    items=13864,
    tastes=10,
    distance_unit=4,
    threshold=15,
    horizon=50,
    effects=(105, 48, 615, 15),
    ceiling=7,
    cuts=(-171, -103, -37, 22),
    watched=(1, 3, 25, 70, 100),
    fame_flatness=5,
    percent_home=99,
    sub_categories=_MODIFIERS,
    total_categories=290,
    categories=(
        ("Fiction", 300, "House River Season Neighbours Inheritance Orchard Stranger Silence"),
        ("Mystery", 150, "Alibi Witness Inquest Locket Verdict Clue Suspect Disappearance"),
        ("Romance", 140, "Kiss Wedding Promise Bride Letter Dance Summer Proposal"),
        ("Science Fiction", 80, "Orbit Colony Signal Starship Android Horizon Machine Exodus"),
        ("Fantasy", 80, "Crown Dragon Sorcerer Throne Wyrm Oath Kingdom Spell"),
        ("Thriller", 75, "Conspiracy Hostage Deadline Agent Pursuit Trap Target Betrayal"),
        ("Children", 70, "Puppy Treehouse Balloon Bear Sandcastle Kite Hedgehog Pancake"),
        ("Young Adult", 60, "Prom Dare Rebel Crush Runaway Mixtape Locker Curfew"),
        ("Biography", 50, "Life Years Portrait Memoir Childhood Journey Exile Diary"),
        ("History", 40, "Empire Siege Revolution Treaty Dynasty Century Armada Frontier"),
        ("Comics", 35, "Mask Cape Sidekick Mutant Vigilante Villain Origin Panel"),
        ("Religion", 34, "Psalm Grace Pilgrim Prayer Blessing Covenant Faith Parable"),
        ("Humour", 30, "Joke Blunder Mishap Uncle Sofa Excuse Nonsense Hiccup"),
        ("Business", 28, "Market Ledger Merger Founder Profit Boardroom Strategy Startup"),
        ("Self-Help", 26, "Habit Calm Courage Balance Purpose Morning Focus Boundary"),
        ("Health", 24, "Body Breath Sleep Heartbeat Remedy Energy Posture Immunity"),
        ("Art", 22, "Canvas Sketch Palette Gallery Fresco Sculptor Photograph Studio"),
        ("Politics", 20, "Ballot Senate Republic Debate Border Minister Protest Manifesto"),
        ("Science", 18, "Atom Molecule Fossil Telescope Gene Theorem Glacier Neuron"),
        ("Crafts", 16, "Quilt Needle Thread Loom Workbench Pottery Ribbon Basket"),
        ("Cooking", 16, "Kitchen Recipe Spice Supper Loaf Harvest Table Feast"),
        ("Travel", 14, "Road Island Map Railway Ferry Passport Desert Lighthouse"),
        ("Poetry", 12, "Verse Sonnet Elegy Hymn Nightfall Sparrow Psalter Refrain"),
        ("Nature", 12, "Forest Heron Meadow Tide Beehive Fox Moss Thicket"),
        ("Sports", 10, "Marathon Referee Pitch Season Champion Underdog Coach Finish"),
        ("Technology", 10, "Circuit Code Network Robot Server Compiler Cipher Sensor"),
        ("Family", 9, "Cradle Daughter Mother Twins Homework Nursery Grandson Bedtime"),
        ("Reference", 8, "Atlas Lexicon Almanac Handbook Grammar Index Survey Primer"),
        ("Law", 5, "Trial Statute Appeal Jury Clause Testimony Counsel Oath"),
        ("Music", 5, "Ballad Violin Quartet Chorus Overture Drummer Encore Guitar"),
    ),
)

RECIPES: Final[dict[str, Recipe | VideoRecipe]] = {recipe.name: recipe for recipe in (GAMES, BOOKS, VIDEOS)}
