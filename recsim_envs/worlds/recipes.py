"""The recipes of the two worlds that come with the package: constants, nothing else."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from recsim_envs.worlds.storage import content_hash


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
    broad_categories: int = 0
    sub_categories: tuple[str, ...] = ()
    total_categories: int = 0
    category_counts: tuple[int, ...] = (23, 34, 25, 12, 4, 2)  # per cent of items with 1, 2, ... categories
    percent_home: int = 80  # items whose first category belongs to their taste
    percent_kin: int = 40  # further categories that belong to the item's taste
    tastes: int = 9
    percent_mixed: int = 30  # items with two tastes
    percent_sequel: int = 12
    longest_series: int = 4
    dim: int = 12
    style_weights: tuple[int, int, int] = (40, 100, 20)  # hundredths: taste, own, sequel
    distance_unit: int = 10  # vectors are scaled so that one standard deviation of the own part is this long
    effects: tuple[int, int, int, int] = (50, 40, 100, 35)  # hundredths: mood, quality, liking, whim
    ceiling: int = 0  # hundredths: liking a taste more than this adds nothing
    veto: int = 400  # hundredths: a whim below minus this makes the reward 1; 347 or more is never reached
    cuts: tuple[int, ...] = (-50, 0, 35, 65)  # hundredths: where reward 2, 3, 4 and 5 begin
    fame_flatness: int = 30  # weight of the item of rank k is 1 / (k + this)
    log_lengths: tuple[int, int] = (30, 40)
    watched: tuple[int, ...] = (3, 8, 25, 70, 100)  # per cent watched, by the reward it would give
    window: int = 4
    threshold: int = 50
    r_min: int = 2
    horizon: int = 70

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
    broad_categories=3,
    categories=(
        ("Action", 420, "Strike Fury Assault Vendetta Gauntlet Rampage Havoc Reckoning"),
        ("Independent", 300, "Echoes Fragments Lantern Paradox Wander Hush Tangle Bloom"),
        ("Adventure", 280, "Expedition Odyssey Voyage Relics Frontier Passage Compass Trail"),
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
    sub_categories=_MODIFIERS,
    total_categories=290,
    tastes=10,
    threshold=15,
    horizon=50,
    distance_unit=5,
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

RECIPES: Final = {recipe.name: recipe for recipe in (GAMES, BOOKS)}
