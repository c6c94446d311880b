"""What is on: invented channels, programmes and people. The same seed and day always give the same guide."""

import random
from collections.abc import Iterator
from typing import Literal

import msgspec

Genre = Literal["news", "film", "series", "sport", "kids", "music", "documentary", "food", "show"]

HALF_HOUR_S = 1800
DAY_S = 86_400


class Channel(msgspec.Struct, frozen=True):
    number: int
    name: str
    genre: Genre
    hue: int
    """Colour of its logo, 0..359."""
    hd: bool


class Title(msgspec.Struct, frozen=True):
    id: int
    name: str
    genre: Genre
    line: str
    year: int
    people: tuple[int, ...]
    """Indexes into the people table that the page has in its bundle."""


class Programme(msgspec.Struct, frozen=True):
    channel: int
    title: int
    starts_s: int
    ends_s: int
    episode: str


_CHANNELS: tuple[tuple[Genre, str], ...] = (
    ("show", "Aurora One"), ("series", "Aurora Two"), ("news", "Meridian News"), ("film", "Kino Norte"),
    ("sport", "Arena 1"), ("documentary", "Terra Wide"), ("series", "Harbour Drama"), ("kids", "Pipistrelle"),
    ("music", "Vinyl TV"), ("food", "Saffron"), ("show", "Canal Atlas"), ("film", "Kino Sur"),
    ("sport", "Arena 2"), ("news", "Capital Live"), ("documentary", "Deep Field"), ("series", "Nordlys"),
    ("kids", "Little Lantern"), ("film", "Reel Classic"), ("show", "Marquee"), ("music", "Octave"),
    ("sport", "Velo Sport"), ("documentary", "Chronicle"), ("series", "Cipher"), ("food", "Table & Road"),
    ("news", "Tidewater 24"), ("film", "Midnight Kino"), ("show", "Prisma"), ("sport", "Matchday"),
    ("kids", "Comet Club"), ("documentary", "Wild Hours"), ("series", "Second Act"), ("music", "Nocturne"),
    ("film", "Kino Família"), ("news", "Market Watch"), ("show", "Lumen"), ("sport", "Open Water"),
    ("documentary", "Machina"), ("series", "Parallax"), ("food", "Hearth"), ("kids", "Paper Planes"),
    ("film", "Frame 24"), ("music", "Folk & Far"), ("show", "Weekend"), ("news", "Polis"),
    ("sport", "Summit"), ("documentary", "Atlas Stories"), ("series", "Northbound"), ("film", "Saturn Cinema"),
    ("show", "Encore"), ("kids", "Tin Robot"), ("music", "Pulse FM TV"), ("documentary", "Green Planet Nine"),
    ("series", "Casa Drama"), ("sport", "Grand Tour"), ("film", "Silver Screen"), ("news", "World Desk"),
    ("food", "Vine"), ("show", "Retro Box"), ("documentary", "Origins"), ("music", "Jazz Harbour"),
)  # fmt: skip

_TITLES: dict[Genre, tuple[tuple[str, str], ...]] = {
    "news": (
        ("Morning Briefing", "What happened overnight, and what the day will bring."),
        ("The World at Noon", "Correspondents report from five continents."),
        ("Evening Edition", "The day's events, put in order and explained."),
        ("Behind the Numbers", "One figure from the news, taken apart."),
        ("Weather & Tides", "Forecasts for land and sea, hour by hour."),
        ("Markets Tonight", "Shares, currencies and the people who move them."),
        ("Press Review", "What the papers say, and what they left out."),
        ("The Long Interview", "An hour with one guest and no interruptions."),
    ),
    "film": (
        (
            "The Lighthouse Keeper's Daughter",
            "A storm brings a stranger to an island that has had no visitors for years.",
        ),
        ("Ninety Seconds to Lisbon", "A night train, a missing suitcase and a passenger who is not on the list."),
        ("Copper Canyon", "Two sisters ride out to win back the valley their father lost at cards."),
        ("The Quiet Orbit", "An engineer alone on a station hears somebody knock."),
        ("A Winter in Trieste", "A translator falls in love with the author of letters she must burn."),
        ("Paper Tigers", "Three forgers plan one last masterpiece, on the wall of a bank."),
        ("The Salt Road", "A smuggler's mule caravan crosses the mountains in the last week of the war."),
        ("House of Echoes", "A sound recordist rents a villa in which every room remembers."),
        ("Blue Hour", "A taxi driver, a singer and a secret meet between midnight and dawn."),
        ("The Cartographer", "He drew a country that did not exist. Then it declared war."),
        ("Harvest Moon Motel", "Nobody checks out of a motel where it is always the same night."),
        ("Little Giants of Porto", "Eleven children and a very old coach take on the league."),
    ),
    "series": (
        ("Harbour Lights", "The pilots of a northern port bring ships in, and carry secrets out."),
        ("Ward Seven", "Night shifts in a city hospital that never has enough of anything."),
        ("The Understudies", "A touring theatre company plays every town but the one it wants."),
        ("Cold Archive", "Two detectives reopen cases that were closed too neatly."),
        ("Glass Towers", "A family of architects builds a city and loses each other."),
        ("Signal Lost", "After the blackout a village has to decide what to believe."),
        ("The Orchard", "Three generations, one farm, and an offer nobody can refuse."),
        ("Northbound", "A railway crew on the last night line through the mountains."),
        ("Maison Noire", "Perfume, money and betrayal in the south of France."),
        ("Station Eleven Hundred", "Life beneath the ice, with nine colleagues and one traitor."),
        ("Second Violin", "A gifted musician learns what the first chair costs."),
        ("Small Claims", "A court of no importance, where everything matters."),
    ),
    "sport": (
        ("Football Tonight", "Two matches live, and the goals of all the others."),
        ("The Grand Tour: Stage 14", "Four climbs, one descent, and a leader with a weak team."),
        ("Matchday Live", "The top of the table meets the bottom, and neither can lose."),
        ("Ocean Race", "Day 31: the fleet rounds the cape in thirty knots of wind."),
        ("Centre Court", "Quarter-finals on clay."),
        ("Ringside", "Eight rounds for the featherweight title."),
        ("Ice Hockey: Polar Cup", "The semi-final, from a sold-out arena."),
        ("Summit Fever", "Speed climbers on a wall that has never been free-climbed."),
        ("Motor Hour", "Rally cars, night stages and the people who repair them."),
        ("Swim Finals", "Sixteen medals in two hours."),
    ),
    "kids": (
        ("Captain Pomelo", "A very small captain and a very large whale sail for pudding."),
        ("The Robots of Room 9", "When school is out, the science cupboard wakes up."),
        ("Lantern Forest", "A hedgehog carries light to those who are afraid of the dark."),
        ("Zig & Zag Make Things", "Cardboard, string and a great deal of glue."),
        ("Dino Detectives", "Somebody has stolen the egg. Everybody looks guilty."),
        ("Cloud Kitchen", "Two ducks cook the weather."),
        ("Story Train", "Every carriage is another tale."),
        ("Beat Street Kids", "Learn a dance in ten minutes."),
    ),
    "music": (
        ("Live at the Harbour", "An open-air concert as the sun goes down."),
        ("Vinyl Hour", "Records worth the crackle, played from the first groove to the last."),
        ("Night of the Strings", "A chamber orchestra by candlelight."),
        ("Unplugged Sessions", "One room, one microphone, no second take."),
        ("Fado & Friends", "Singers of Lisbon and guests from far away."),
        ("Synth City", "Forty years of machines that learned to sing."),
        ("Jazz After Dark", "The late set from a cellar with eleven tables."),
        ("Opera: The Glass Queen", "A new production with the city's own choir."),
    ),
    "documentary": (
        ("Deep Water", "Four kilometres down, the lights of the submarine find something that looks back."),
        ("Planet of Winds", "How moving air builds deserts, forests and empires."),
        ("The Bridge Builders", "Steel, rope and nerve: seven bridges that should not stand."),
        ("Wolves of the Delta", "A pack learns to fish."),
        ("Night Sky Diaries", "An astronomer and a poet look at the same stars."),
        ("The Last Typesetters", "In three workshops, letters are still made of lead."),
        ("Empires of Ice", "Glaciers that carved a continent, and what they hid."),
        ("Machines That Changed Us", "The loom, the lift and the shipping container."),
        ("Silent Forest", "One year in a wood where nobody has walked for a century."),
        ("City Beneath", "Tunnels, rivers and people below the streets."),
        ("Atlas of Colours", "Where ultramarine came from, and what it cost."),
    ),
    "food": (
        ("Fire & Salt", "Cooking with two ingredients and much patience."),
        ("Market Day", "A chef buys what is good and only then decides."),
        ("The Bread Road", "From sourdough to flatbread along an old trade route."),
        ("Grandmothers' Kitchens", "Recipes that were never written down, written down."),
        ("One Pan", "Dinner in the time it takes to watch it."),
        ("Vineyards of the North", "Wine where nobody thought it would grow."),
        ("Street Food Nights", "Eight stalls, one street, no chairs."),
    ),
    "show": (
        ("The Big Quiz", "Four teams, one buzzer, and a question nobody has ever answered."),
        ("Saturday Parade", "Songs, sketches and a guest who does not know why."),
        ("Home Again", "Old houses find new people."),
        ("The Repair Shed", "Broken things, mended by those who know how."),
        ("Late with Lena Moreau", "Talk, music and a cat."),
        ("Dance Nation", "Ten couples, nine dances, eight weeks."),
        ("Treasure in the Attic", "It might be a masterpiece. It might be a lamp."),
        ("Word for Word", "The game in which a dictionary is the only help."),
        ("Blind Auction", "Sold before anyone has seen it."),
    ),
}

_LENGTHS_HALF_HOURS: dict[Genre, tuple[int, ...]] = {
    "news": (1, 1, 2), "film": (3, 4, 4, 5), "series": (2, 2, 1), "sport": (2, 3, 4), "kids": (1, 1, 1),
    "music": (2, 3), "documentary": (2, 2, 3), "food": (1, 2), "show": (2, 2, 3),
}  # fmt: skip
_GUESTS: dict[Genre, tuple[Genre, ...]] = {
    "news": ("documentary",), "film": ("film", "show"), "series": ("film", "news"), "sport": ("documentary", "show"),
    "kids": ("documentary",), "music": ("documentary", "film"), "documentary": ("news", "food"),
    "food": ("documentary", "show"), "show": ("news", "series", "music"),
}  # fmt: skip
_GUEST_SHARE = 0.18
"""How often a channel shows something that is not its own genre."""

_FIRST = (
    "Ada", "Bruno", "Carla", "Dinis", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Katya", "Luca", "Mara",
    "Nils", "Olga", "Pedro", "Quinn", "Rosa", "Samir", "Tilda", "Ugo", "Vera", "Wim", "Xenia", "Yara", "Zeno",
    "Anouk", "Bela", "Cesar", "Dora", "Emil", "Fleur", "Gil", "Hanna", "Ivo", "Juno", "Kamal", "Lena", "Milo",
    "Nadia",
)  # fmt: skip
_LAST = (
    "Abreu", "Bergström", "Castel", "Duarte", "Eklund", "Ferrand", "Galvão", "Hartmann", "Ibarra", "Jansen", "Kovač",
    "Lindqvist", "Moreau", "Nakamura", "Okafor", "Pereira", "Quist", "Rahimi", "Sorensen", "Tavares", "Ullman",
    "Vasquez", "Weiss", "Xavier", "Ylönen", "Zanetti", "Almeida", "Brandt", "Conti", "Dupont", "Esteves", "Fonseca",
    "Grün", "Holm", "Iversen", "Jardim", "Klein", "Leitão", "Marín", "Nogueira",
)  # fmt: skip
_TOWNS = (
    "Porto", "Bergen", "Trieste", "Marseille", "Tartu", "Gdańsk", "Coimbra", "Ghent", "Turku", "Valencia", "Galway",
    "Split", "Bremen", "Faro", "Uppsala",
)  # fmt: skip
_CALLINGS = ("actor", "director", "writer", "composer", "presenter", "camera", "editor", "producer")
PEOPLE = 5000


def channels() -> list[Channel]:
    """Sixty channels, numbered from 1 as on a remote control."""
    return [
        Channel(number=number, name=name, genre=genre, hue=(number * 137) % 360, hd=number % 7 != 0)
        for number, (genre, name) in enumerate(_CHANNELS, 1)
    ]


def titles() -> list[Title]:
    """Everything that is ever shown, numbered from 1."""
    dice = random.Random(7)  # noqa: S311 - decoration, not secrets
    found: list[Title] = []
    for genre, rows in _TITLES.items():
        for name, line in rows:
            people = tuple(dice.sample(range(PEOPLE), 5))
            found.append(Title(len(found) + 1, name, genre, line, dice.randint(1968, 2026), people))
    return found


def programmes(first_day_s: int, days: int) -> Iterator[Programme]:
    """The schedule of all channels from `first_day_s` (Unix time of a midnight) on, without gaps."""
    by_genre: dict[Genre, list[Title]] = {}
    for title in titles():
        by_genre.setdefault(title.genre, []).append(title)
    for channel in channels():
        for day in range(days):
            start_s = first_day_s + day * DAY_S
            dice = random.Random(channel.number * 100_003 + start_s // DAY_S)  # noqa: S311
            yield from _day(channel, start_s, by_genre, dice)


def _day(
    channel: Channel, start_s: int, by_genre: dict[Genre, list[Title]], dice: random.Random
) -> Iterator[Programme]:
    ends_s = start_s + DAY_S
    previous = 0
    while start_s < ends_s:
        guest = dice.random() < _GUEST_SHARE
        genre = dice.choice(_GUESTS[channel.genre]) if guest else channel.genre
        title = dice.choice([title for title in by_genre[genre] if title.id != previous])
        length_s = dice.choice(_LENGTHS_HALF_HOURS[genre]) * HALF_HOUR_S
        stop_s = min(ends_s, start_s + length_s)
        yield Programme(channel.number, title.id, start_s, stop_s, _episode(genre, dice))
        previous, start_s = title.id, stop_s


def _episode(genre: Genre, dice: random.Random) -> str:
    if genre in ("series", "kids", "show", "food", "documentary"):
        return f"Season {dice.randint(1, 6)}, episode {dice.randint(1, 22)}"
    return "Live" if genre == "sport" or (genre == "news" and dice.random() < 0.5) else ""


def people_module() -> str:
    """A JavaScript module with the people of all casts: the weight that a real application's bundle has."""
    dice = random.Random(11)  # noqa: S311
    lines = ["// Generated: everybody who has ever been in a programme.", "export const people = ["]
    for _ in range(PEOPLE):
        name = f"{dice.choice(_FIRST)} {dice.choice(_LAST)}"
        lines.append(
            f'{{name:"{name}",calling:"{dice.choice(_CALLINGS)}",born:{dice.randint(1938, 2004)},'
            f'from:"{dice.choice(_TOWNS)}",credits:{dice.randint(1, 90)}}},'
        )
    return "\n".join([*lines, "];", ""])
