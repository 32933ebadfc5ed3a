"""People who point at buyers, honest ones and twelve kinds of others, as lives with dates: written from what such
people do, not from the rules that look for it. Every kind has some who do it more carefully than the rest.

Nothing here knows a rule or a weight. A life is a list of leads with who acted from where; ``fraud.py`` lives it.
"""
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

HOUR = 1 / 24
CAREFUL_ONE_IN = 50  # Of each kind: they leave out what gives them away. Which one is drawn, how many is not.
FREE = ("gmail.com", "outlook.com", "yahoo.com", "icloud.com", "gmx.de", "web.de", "hotmail.com", "proton.me")
RELAYS = ("duck.com", "privaterelay.appleid.com", "mozmail.com")
THROWN_AWAY = ("mailinator.com", "yopmail.com", "guerrillamail.com", "10minutemail.com", "sharklasers.com")
SYSTEMS = ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7",
           "iPhone; CPU iPhone OS 19_1 like Mac OS X", "Linux; Android 16; K")
AGENTS = [f"Mozilla/5.0 ({system}) {name}/{number}.0" for system in SYSTEMS
          for name in ("Chrome", "Safari", "Firefox", "Edge") for number in range(140, 147)]
BOTS = ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/146.0", "python-requests/2.34")


@dataclass(frozen=True)
class Place:
    """From where somebody acts: browser (None: one on which nobody signed in), network, what it calls itself."""

    device: str | None
    network: str
    agent: str


@dataclass
class Person:
    name: str
    email: str
    place: Place
    works_at: int | None = None  # Number of a business, as a member.
    bank: str = ""


@dataclass
class Sighting:
    """One lead of a life: days since the beginning of the world for what happens, None for what does not."""

    by: Person
    business: int
    pointed: float
    buyer_email: str
    answers_from: Place
    post: list[str]
    author: str | None
    accepted: float | None = None
    answered: float | None = None
    sold: float | None = None
    phone: str | None = None
    given_at_once: bool = False  # The address was given when pointing.
    pointed_from: Place | None = None  # Else the person's own.


@dataclass
class Life:
    kind: str
    is_fraud: bool
    leads: list[Sighting] = field(default_factory=list)
    owner_pays_with: tuple[int, str] | None = None  # Business and the card or account that its bounty was paid with.
    brings: list[Person] = field(default_factory=list)  # Members of businesses that the life needs.


class World:
    """Sixty businesses, most with addresses of their own; the rest of what a life needs is drawn as it is told."""

    def __init__(self, seed: int, write: Callable[[], list[str]], edit: Callable[[list[str]], list[str]]) -> None:
        self.chosen, self.write, self.edit = random.Random(seed), write, edit
        self.count = 0
        self.is_careful = False
        self.domains = [f"firm{number}-{seed}.com" if self.chosen.random() < 0.7 else None for number in range(60)]
        self.owners = [Person(f"Owner {number}", f"owner@{domain}" if domain else self.mail(), self.place(), number)
                       for number, domain in enumerate(self.domains)]

    def lives(self, honest: int, frauds_of_a_kind: int) -> list[Life]:
        lives: list[Life] = []
        while (pointed := sum(len(life.leads) for life in lives)) < honest:
            tell = self.chosen.choices([one for one, _ in HONEST], [share for _, share in HONEST])[0]
            life = tell(self)
            life.leads = life.leads[:honest - pointed]
            lives.append(life)
        for tell in FRAUDS:
            careful = self._careful_ones(frauds_of_a_kind)
            for number in range(frauds_of_a_kind):
                self.is_careful = number in careful
                lives.append(tell(self))
        return lives

    def _careful_ones(self, of: int) -> set[int]:
        """One of every fifty: a draw for each alone would give a kind three of them now and then, or none."""
        starts = range(0, of, CAREFUL_ONE_IN)
        return {start + self.chosen.randrange(CAREFUL_ONE_IN) for start in starts}

    # What a life is made of.

    def number(self) -> int:
        self.count += 1
        return self.count

    def mail(self, domain: str | None = None) -> str:
        return f"person{self.number()}@{domain or self.chosen.choice(FREE)}"

    def network(self) -> str:
        return f"net-{self.number()}"

    def place(self, network: str | None = None, *, is_new_device: bool = True) -> Place:
        device = f"device-{self.number():015d}" if is_new_device else None
        return Place(device, network or self.network(), self.chosen.choice(AGENTS))

    def someone(self, **given: object) -> Person:
        number = self.number()
        fields = {"name": f"Person {number}", "email": self.mail(), "place": self.place(), "bank": f"bank-{number}"}
        return Person(**{**fields, **given})  # type: ignore[arg-type]

    def lead(
        self, by: Person, answers_from: Place | None = None, *, day: float | None = None, business: int | None = None,
        email: str | None = None, sells: float = 0.35, accepts: float = 0.75, **given: object,
    ) -> Sighting:
        """An ordinary one: accepted within two days or not, answered within a week, perhaps sold within a month."""
        chosen = self.chosen
        pointed = chosen.uniform(10, 70) if day is None else day
        found = Sighting(
            by, chosen.randrange(60) if business is None else business, pointed, email or self.mail(),
            answers_from or self.place(is_new_device=False), self.write(),
            f"Author {self.number()}" if chosen.random() < 0.8 else None, **given)  # type: ignore[arg-type]
        if chosen.random() < accepts:
            found.accepted = pointed + chosen.uniform(0.05, 2)
            if chosen.random() < 0.7:
                found.answered = found.accepted + chosen.choice((chosen.uniform(0.05, 0.9), chosen.uniform(1, 7)))
                if chosen.random() < sells:
                    found.sold = found.answered + chosen.uniform(1, 20)
        return found

    def sale(self, by: Person, answers_from: Place | None = None, **given: object) -> Sighting:
        """One that goes through all points: who cheats wants the money."""
        found = self.lead(by, answers_from, **given)  # type: ignore[arg-type]
        found.accepted = found.pointed + self.chosen.uniform(0.05, 2)
        found.answered = found.accepted + self.chosen.uniform(0.01, 0.8)
        found.sold = found.answered + self.chosen.uniform(1, 15)
        return found


# Honest people.

def reader(world: World) -> Life:
    """Reads a post by somebody unknown and points, once or a few times."""
    ana = world.someone()
    return Life("a reader", False, [world.lead(ana) for _ in range(world.chosen.choice((1, 1, 1, 2, 3)))])


def friend(world: World) -> Life:
    """Points at a friend who lives elsewhere; often gives the address."""
    return Life("a friend", False, [world.lead(world.someone(), given_at_once=world.chosen.random() < 0.6)])


def family_at_home(world: World) -> Life:
    """One network, each their own phone; in a quarter of families the same model with the same browser."""
    ana = world.someone()
    same = world.chosen.random() < 0.25
    home = world.place(ana.place.network, is_new_device=False)
    if same:
        home = Place(None, ana.place.network, ana.place.agent)
    return Life("a family at home", False, [world.lead(ana, home, given_at_once=True)])


def family_with_one_computer(world: World) -> Life:
    """The whole house uses one computer, on which she signs in."""
    ana = world.someone()
    return Life("a family with one computer", False, [world.lead(ana, ana.place)])


def colleague(world: World) -> Life:
    """The same office: one network, the same managed browser on most desks; the buyer gives a private address."""
    office = f"office{world.number()}.com" if world.chosen.random() < 0.3 else None
    ana = world.someone(email=world.mail(office))
    agent = ana.place.agent if world.chosen.random() < 0.6 else world.chosen.choice(AGENTS)
    private = world.chosen.random() < 0.93
    email = world.mail() if private else world.mail(ana.email.partition("@")[2])
    return Life("colleagues in one office", False, [
        world.lead(ana, Place(None, ana.place.network, agent), email=email)])


def same_carrier(world: World) -> Life:
    """Strangers on one mobile carrier, which puts thousands behind one address; now and then the same phone."""
    ana = world.someone()
    shares, alike = world.chosen.random() < 0.3, world.chosen.random() < 0.2
    there = Place(None, ana.place.network if shares else world.network(),
                  ana.place.agent if alike else world.chosen.choice(AGENTS))
    return Life("one mobile carrier", False, [world.lead(ana, there)])


def agency(world: World) -> Life:
    """Reads posts for a living: three to eight a day on working days, from one desk."""
    desk = world.someone()
    leads, start = [], world.chosen.uniform(5, 40)
    for day in range(12):
        if day % 7 < 5:
            leads += [world.lead(desk, day=start + day + number * world.chosen.uniform(0.4, 1) * HOUR, accepts=0.6)
                      for number in range(world.chosen.randint(3, 8))]
    return Life("an agency", False, leads)


def repeat_buyer(world: World) -> Life:
    """One buyer with several needs, pointed out to several businesses by one friend."""
    ana, email, place = world.someone(), world.mail(), world.place(is_new_device=False)
    day = world.chosen.uniform(10, 60)
    return Life("a buyer with several needs", False, [
        world.lead(ana, place, day=day + number * 3, business=world.chosen.randrange(60), email=email,
                   phone=f"+1202555{1000 + world.number() % 9000}" if number == 0 else None) for number in range(3)])


def traveller(world: World) -> Life:
    """Points from hotels and trains, a new network each time; met the buyer at one of them."""
    ana = world.someone()
    hotel = world.network()
    from_hotel = Place(ana.place.device, hotel, ana.place.agent)
    there = world.place(hotel, is_new_device=False)
    return Life("a traveller", False, [world.lead(ana, there, pointed_from=from_hotel), world.lead(ana)])


def relay_user(world: World) -> Life:
    """Gives every site another forwarding address."""
    ana = world.someone(email=world.mail(world.chosen.choice(RELAYS)))
    return Life("an address that forwards", False, [world.lead(ana, email=world.mail(world.chosen.choice(RELAYS)))])


def shy_buyer(world: World) -> Life:
    """An honest buyer who trusts nobody with a real address yet."""
    return Life("a shy buyer", False, [world.lead(world.someone(), email=world.mail(world.chosen.choice(THROWN_AWAY)))])


def small_business_buys(world: World) -> Life:
    """The buyer is a small firm, whose address is info@."""
    return Life("a small firm buys", False, [
        world.lead(world.someone(), email=f"info@shop{world.number()}.com", given_at_once=True)])


def couple_with_one_account(world: World) -> Life:
    """Both point now and then; one bank account."""
    ana, tom = world.someone(), world.someone()
    tom.bank = ana.bank
    return Life("a couple with one bank account", False, [world.lead(ana), world.lead(tom)])


def written_twice(world: World) -> Life:
    """A buyer puts the same words on two sites; two readers point at it, at one business."""
    business, day = world.chosen.randrange(60), world.chosen.uniform(10, 60)
    first = world.lead(world.someone(), business=business, day=day)
    second = world.lead(world.someone(), business=business, day=day + world.chosen.uniform(0.2, 3))
    second.post, second.author = world.edit(first.post), first.author
    if second.author and world.chosen.random() < 0.3:
        second.author = None  # The other site names nobody.
    return Life("a post on two sites", False, [first, second])


def namesake(world: World) -> Life:
    """Points at the post of somebody with the same name."""
    ana = world.someone()
    lead = world.lead(ana)
    lead.author = ana.name
    return Life("a namesake", False, [lead])


HONEST: tuple[tuple[Callable[[World], Life], float], ...] = (
    (reader, 44), (friend, 22), (family_at_home, 9), (colleague, 6), (same_carrier, 5), (repeat_buyer, 2),
    (traveller, 3), (relay_user, 2), (small_business_buys, 1.5), (written_twice, 0.8), (agency, 0.7),
    (family_with_one_computer, 0.6),
    (shy_buyer, 0.5), (couple_with_one_account, 0.4), (namesake, 0.2))


# The others: what each is after, and how.

def own_second_address(world: World) -> Life:
    """Points at themselves, answers with another address of theirs in the same browser."""
    ana = world.someone()
    there = world.place(ana.place.network, is_new_device=False) if world.is_careful else ana.place
    return Life("own second address", True, [world.sale(ana, there)])


def own_private_window(world: World) -> Life:
    """The same in a private window, with an address made for it and thrown away."""
    ana = world.someone()
    there = Place(None, ana.place.network, ana.place.agent)
    email = world.mail() if world.is_careful else world.mail(world.chosen.choice(THROWN_AWAY))
    return Life("own private window", True, [world.sale(ana, there, email=email)])


def colleague_for_show(world: World) -> Life:
    """A colleague plays the buyer from the firm's own address; the reward is shared at lunch."""
    firm = f"plant{world.number()}.com"
    email = world.mail() if world.is_careful else world.mail(firm)
    return Life("a colleague for show", True, [world.sale(world.someone(email=world.mail(firm)), email=email)])


def insider(world: World) -> Life:
    """Works where the bounty is paid, in another department, and points at customers who came by themselves."""
    business = world.chosen.choice([number for number, domain in enumerate(world.domains) if domain])
    email = world.mail() if world.is_careful else world.mail(world.domains[business])
    return Life("an insider", True, [world.sale(world.someone(email=email), business=business)])


def straw_referrer(world: World) -> Life:
    """An owner takes his own bounty's money back through a second account on his own computer."""
    owner = world.chosen.choice(world.owners)
    place = world.place() if world.is_careful else owner.place
    return Life("a straw referrer", True, [world.sale(world.someone(place=place), business=owner.works_at)])


def one_bank_many_names(world: World) -> Life:
    """One person with two to five accounts, all paid to one bank account."""
    start, bank = world.chosen.uniform(10, 60), f"bank-{world.number()}"
    people = [world.someone(bank=bank) for _ in range(world.chosen.randint(2, 5))]
    if world.is_careful:
        for person in people:
            person.bank = f"bank-{world.number()}"
    return Life("many names, one bank account", True, [
        world.sale(person, day=start + world.chosen.uniform(0, 7)) for person in people])


def own_card(world: World) -> Life:
    """A card pays in for the bounty, and the reward is paid out to the same card."""
    ana, business = world.someone(), world.chosen.randrange(60)
    card = f"card-{world.number()}" if world.is_careful else ana.bank
    return Life("own card", True, [world.sale(ana, business=business)], owner_pays_with=(business, card))


def invented_buyers(world: World) -> Life:
    """Points at buyers who do not exist, addresses included, in the hope that some pass; a careful one opens a
    mailbox with a real service for each."""
    ana, start = world.someone(), world.chosen.uniform(10, 50)
    leads = []
    for number in range(world.chosen.randint(14, 25)):
        invented = f"info@inv{world.number()}.com"
        if world.is_careful:
            invented = world.mail()
        elif world.chosen.random() < 0.8:
            invented = world.mail(world.chosen.choice(THROWN_AWAY))
        leads.append(world.lead(ana, day=start + number * world.chosen.uniform(0.3, 0.7), accepts=0.06, sells=0,
                                email=invented, given_at_once=True))
    return Life("invented buyers", True, leads)


def pointing_storm(world: World) -> Life:
    """A program points at whatever a search finds, dozens within hours."""
    agent = world.chosen.choice(AGENTS if world.is_careful else BOTS)
    bot = world.someone(place=Place(f"device-{world.number():015d}", world.network(), agent))
    start = world.chosen.uniform(10, 60)
    return Life("a pointing storm", True, [
        world.lead(bot, day=start + number * world.chosen.uniform(2, 6) / 24 / 60, accepts=0.1, sells=0)
        for number in range(world.chosen.randint(12, 30))])


def copied_post(world: World) -> Life:
    """Takes the post of somebody else's lead, changes some words, and puts it on a page under an invented name."""
    business, day = world.chosen.randrange(60), world.chosen.uniform(10, 60)
    first = world.lead(world.someone(), business=business, day=day)
    first.author = first.author or f"Author {world.number()}"
    second = world.sale(world.someone(), business=business, day=day + world.chosen.uniform(1, 5))
    second.post, second.author = world.edit(first.post), f"Author {world.number()}"
    if world.is_careful:
        second.author = None
    life = Life("a copied post", True, [second])
    life.leads.insert(0, first)  # Somebody else's, who does nothing wrong: only the last lead of this life counts.
    return life


def own_post(world: World) -> Life:
    """Writes the post about somebody's need on their own blog, and points at it."""
    ana = world.someone()
    lead = world.sale(ana)
    lead.author = f"Author {world.number()}" if world.is_careful else ana.name
    return Life("own post", True, [lead])


def ring(world: World) -> Life:
    """Two owners point at each other's bounties, three to six times each way within a month."""
    one, other = world.chosen.sample(world.owners, 2)
    times = 2 if world.is_careful else world.chosen.randint(3, 6)
    start = world.chosen.uniform(10, 50)
    return Life("a ring of two", True, [
        world.sale(person, day=start + number * world.chosen.uniform(1, 4), business=at.works_at)
        for number in range(times) for person, at in ((one, other), (other, one))])


FRAUDS: tuple[Callable[[World], Life], ...] = (
    own_second_address, own_private_window, colleague_for_show, insider, straw_referrer, one_bank_many_names, own_card,
    invented_buyers, pointing_storm, copied_post, own_post, ring)


def kinds(lives: list[Life]) -> Iterator[str]:
    yield from dict.fromkeys(life.kind for life in lives)
