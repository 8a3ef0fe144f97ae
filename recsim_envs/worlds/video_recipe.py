"""The recipe of the built-in world of short videos: constants, nothing else."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from recsim_envs.worlds.storage import content_hash


@dataclass(frozen=True)
class VideoRecipe:
    """What `video_world` needs. Percentages and hundredths are integers, as in `Recipe`.

    The reward of a pair is the share of the video that is watched, 0 to 5: the sum of four effects in hundredths of a
    standard deviation, carried through the straight lines between `knots` (hundredths of a standard deviation,
    hundredths of a video).
    """

    name: str
    domain: str
    seed: int
    users: int
    train_users: int
    items: int
    categories: tuple[tuple[str, int, str], ...]
    category_counts: tuple[int, ...]
    effects: tuple[int, int, int, int]  # hundredths: mood, quality, liking, whim
    knots: tuple[tuple[int, int], ...]
    fame_flatness: int
    levels: tuple[int, ...]  # hundredths of a video: where the second, third, ... level of interest begins
    watched: tuple[int, ...]  # per cent that enter a user's log, by level
    log_lengths: tuple[int, int]
    window: int
    category_limit: int
    horizon: int
    dim: int = 12
    style_weights: tuple[int, int, int] = (60, 100, 0)  # hundredths: category, own, sequel

    def digest(self) -> str:
        """Short name of these constants and of the generator's version: the cached world's folder bears it."""
        return content_hash("videos-1", asdict(self))[:16]

    def record(self) -> dict[str, Any]:
        """The constants as JSON, for `world.json`."""
        return {k: v for k, v in asdict(self).items() if k != "categories"}


VIDEOS: Final = VideoRecipe(
    name="videos",
    domain="videos",
    seed=20240318,
    users=1411,  # users, items and categories are as many as in KuaiRec's fully observed matrix
    train_users=705,
    items=3327,
    category_counts=(64, 27, 7, 2),
    effects=(35, 45, 62, 55),
    knots=(
        (-400, 0),
        (-300, 8),
        (-200, 20),
        (-100, 38),
        (-67, 46),
        (0, 75),
        (67, 115),
        (100, 141),
        (150, 194),
        (200, 266),
        (250, 366),
        (300, 500),
    ),
    fame_flatness=20,
    levels=(40, 75, 115, 200),
    watched=(8, 20, 45, 80, 100),
    log_lengths=(30, 40),
    window=9,
    category_limit=1,
    horizon=30,
    categories=(
        ("Comedy", 300, "Prank Sketch Mishap Joke Roommate Fail Parody Blooper"),
        ("Everyday Life", 150, "Morning Apartment Errand Commute Routine Weekend Balcony Neighbour"),
        ("Drama", 120, "Betrayal Reunion Secret Wedding Heiress Stranger Revenge Confession"),
        ("Food", 100, "Noodles Dumplings Barbecue Bakery Feast Snack Soup Recipe"),
        ("Beauty", 80, "Lipstick Eyeliner Makeover Skincare Palette Glow Perfume Manicure"),
        ("Dance", 75, "Shuffle Choreography Groove Twirl Rehearsal Battle Flashmob Tango"),
        ("Music", 70, "Cover Guitar Chorus Duet Piano Ballad Remix Busker"),
        ("Games", 65, "Speedrun Boss Headshot Combo Loadout Ranked Glitch Quest"),
        ("Family", 60, "Toddler Twins Grandma Birthday Cradle Picnic Sibling Bedtime"),
        ("Pets", 55, "Kitten Puppy Parrot Hamster Corgi Tabby Rescue Goldfish"),
        ("Fashion", 50, "Outfit Runway Sneakers Vintage Denim Lookbook Tailor Jacket"),
        ("Romance", 48, "Date Proposal Crush Anniversary Letter Couple Breakup Sunset"),
        ("News", 45, "Headline Report Interview Bulletin Election Storm Update Witness"),
        ("Sports", 42, "Goal Dribble Penalty Sprint Derby Dunk Smash Final"),
        ("Cars", 38, "Engine Drift Garage Test Convertible Truck Restoration Highway"),
        ("Travel", 36, "Island Hostel Temple Canyon Harbour Market Train Backpack"),
        ("Fitness", 32, "Plank Squat Yoga Marathon Stretch Kettlebell Warmup Abs"),
        ("Film", 30, "Trailer Ending Scene Director Stunt Review Cameo Sequel"),
        ("Crafts", 28, "Origami Knitting Pottery Carpentry Resin Candle Loom Calligraphy"),
        ("Farming", 26, "Harvest Tractor Orchard Goats Seedlings Beehive Barn Irrigation"),
        ("Technology", 24, "Phone Drone Unboxing Laptop Robot Printer Chip Gadget"),
        ("Education", 22, "Lesson Grammar Algebra Exam Lecture Vocabulary Quiz Notes"),
        ("Celebrities", 20, "Premiere Fans Gossip Backstage Redcarpet Idol Autograph Scandal"),
        ("Photography", 18, "Portrait Lens Timelapse Filter Darkroom Skyline Shutter Studio"),
        ("Animation", 17, "Cartoon Dragon Mecha Doodle Frame Sprite Storyboard Puppet"),
        ("Health", 16, "Sleep Posture Vitamin Checkup Breath Allergy Remedy Nurse"),
        ("Homes", 15, "Kitchen Renovation Sofa Wallpaper Attic Tiles Lamp Closet"),
        ("Nature", 14, "Waterfall Owl Glacier Coral Meadow Fox Volcano Tide"),
        ("Finance", 12, "Savings Mortgage Stocks Budget Startup Tax Salary Auction"),
        ("Science", 10, "Experiment Magnet Rocket Microscope Fossil Laser Planet Reaction"),
        ("History", 8, "Dynasty Ruins Armour Empire Scroll Siege Pharaoh Relic"),
    ),
)
