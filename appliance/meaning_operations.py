"""What the owner sees and says of tags and projects: counts, what is linked and why, corrections, closing."""

from __future__ import annotations

from appliance.errors import BadRequest
from enrich.lessons import Lessons
from enrich.proposals import Proposal
from enrich.related import References, Related
from enrich.schema import Vocabulary
from store.corrections import Named
from store.records import Action, ActionStatus, Item, Link, Record, Tag
from store.vault import Vault

_ACTIONS = 100  # of one project
_LINKS = 10  # of each of all projects, the surest
_ENTRIES = 1_000  # of its timeline, the newest


class TagCount(Record, frozen=True, kw_only=True):
    """A tag of the owner's list, and how many items carry it."""

    name: str
    items: int


class TagCorrection(Record, frozen=True, kw_only=True):
    """The owner's word on one tag of one item."""

    id: str
    name: str
    given: bool | None  # None: takes back what was said


class ProjectSummary(Record, frozen=True, kw_only=True):
    """A project of the owner's, and how much is linked to it."""

    name: str
    items: int
    links: list[Link]  # the surest
    closed: bool = False


class ProjectCorrection(Record, frozen=True, kw_only=True):
    """The owner's word on one item and one project."""

    id: str
    name: str
    linked: bool | None  # None: takes back what was said


class ProposalsRequest(Record, frozen=True, kw_only=True):
    """What to propose."""

    kind: Named
    all: bool = False  # also what the owner dismissed


class Dismissal(Record, frozen=True, kw_only=True):
    """The owner's word on a proposal."""

    kind: Named
    items: tuple[str, ...]  # its own
    dismissed: bool = True  # False: it is proposed again


class RelatedRequest(Record, frozen=True, kw_only=True):
    """What to show the relations of."""

    id: str


class ProjectRef(Record, frozen=True, kw_only=True):
    """Names one project."""

    id: str


class ProjectState(Record, frozen=True, kw_only=True):
    """Whether a project is open: a closed one gets no new links."""

    id: str
    closed: bool


class ProjectEntry(Record, frozen=True, kw_only=True):
    """One item of a project, and why it is there."""

    item: Item
    link: Link


class Project(Record, frozen=True, kw_only=True):
    """What happened in a project, in order, and what is still to do."""

    name: str
    closed: bool
    entries: list[ProjectEntry]  # the oldest first, by their own dates
    actions: list[Action]  # open ones of these items


class MeaningOperations:
    """What can be done with tags and projects over an open vault.

    Args:
        vocabulary: the owner's names.
    """

    def __init__(
        self, vault: Vault, vocabulary: Vocabulary, lessons: Lessons, references: References
    ) -> None:
        self._vault = vault
        self._projects = tuple(project.name for project in vocabulary.projects)
        self._tags = tuple(tag.name for tag in vocabulary.tags)
        self._lessons = lessons
        self._references = references

    def tags(self, request: Record) -> list[TagCount]:
        """The owner's tags and how often each was given."""
        counts = self._vault.catalog.tag_counts()
        return [TagCount(name=name, items=counts.get(name, 0)) for name in self._tags]

    def correct_tag(self, request: TagCorrection) -> list[Tag]:
        """The owner gives an item a tag, or refuses it; the tags that it has now."""
        self._known(request.name, self._tags, "tag")
        self._vault.catalog.correct(request.id, Named.TAG, request.name, request.given)
        return self._vault.catalog.tags_of(request.id)

    def projects(self, request: Record) -> list[ProjectSummary]:
        """The owner's projects with the items linked to them."""
        closed = self._vault.catalog.closed_projects()
        return [self._summary(name, name in closed) for name in self._projects]

    def correct_project(self, request: ProjectCorrection) -> list[Link]:
        """The owner links an item to a project, or says that it does not belong there; its links now."""
        self._known(request.name, self._projects, "project")
        self._vault.catalog.correct(request.id, Named.PROJECT, request.name, request.linked)
        return self._vault.catalog.links(item=request.id)

    def check_project(self, name: str) -> None:
        """Raises BadRequest for what is no project of the owner's."""
        self._known(name, self._projects, "project")

    def close_project(self, request: ProjectState) -> ProjectSummary:
        """The owner closes a project or opens it again."""
        self._known(request.id, self._projects, "project")
        self._vault.catalog.close_project(request.id, request.closed)
        return self._summary(request.id, request.closed)

    def project(self, request: ProjectRef) -> Project:
        """What belongs to a project, by date, with the words that say so, and its open action items."""
        self._known(request.id, self._projects, "project")
        catalog = self._vault.catalog
        links = {link.item: link for link in catalog.links(project=request.id)}
        items = sorted(catalog.items_by_id(links).values(), key=_date)[-_ENTRIES:]
        to_do = (ActionStatus.OPEN, ActionStatus.ACCEPTED)
        actions = catalog.actions(among=to_do, project=request.id, limit=_ACTIONS)
        return Project(
            name=request.id,
            closed=request.id in catalog.closed_projects(),
            entries=[ProjectEntry(item=item, link=links[item.id]) for item in items],
            actions=actions,
        )

    def proposals(self, request: ProposalsRequest) -> list[Proposal]:
        """Tags or projects that the owner may want, with what their items have in common. None is stored."""
        found = self._lessons.proposals(request.kind)
        return [one for one in found if request.all or not one.dismissed]

    def dismiss(self, request: Dismissal) -> list[Proposal]:
        """The owner wants no such tag or project, or wants to see it again; what is proposed now."""
        self._vault.catalog.dismiss(request.kind, request.items, request.dismissed)
        return self.proposals(ProposalsRequest(kind=request.kind))

    def related(self, request: RelatedRequest) -> list[Related]:
        """What an item answers, mentions or shares numbers with, and what does so with it."""
        return self._references.of(self._vault.catalog.item(request.id))

    def _summary(self, name: str, closed: bool) -> ProjectSummary:
        links = self._vault.catalog.links(project=name)
        items = len({link.item for link in links})
        return ProjectSummary(name=name, items=items, links=links[:_LINKS], closed=closed)

    def _known(self, name: str, names: tuple[str, ...], what: str) -> None:
        if name not in names:
            raise BadRequest(
                f"there is no {what} {name!r}",
                remedy=f"`strongroom {what}s` lists yours; a [[{what}]] in strongroom.toml is one more",
            )


def _date(item: Item) -> tuple[float, int]:
    return (item.stored_at if item.created_at is None else item.created_at, item.number)
