"""Views and answers as HTML in one language.

Jinja2 escapes every value; the words come from the catalogues. Nothing here waits or asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from kiosk.notices import Notices
from kiosk.screen import texts
from kiosk.screen.requests import Answer, Condition, Day, Done, Month, Oversight, Refused
from kiosk.screen.view import View
from kiosk.words import Language


class Pages:
    """The pages of one language; `others` are those that can be switched to, itself among them."""

    def __init__(self, language: Language, others: tuple[Language, ...], notices: Notices) -> None:
        self.language, self._notice = language, notices.of(language.code)
        env = Environment(
            loader=PackageLoader("kiosk.screen", "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        env.install_gettext_translations(language.translations, newstyle=True)  # type: ignore[attr-defined]
        env.filters["month_before"] = _month_before
        env.filters["month_after"] = _month_after
        env.filters["shifted"] = lambda day, days: day + timedelta(days=days)
        env.globals["countdown"] = _countdown
        env.globals.update(t=texts, language=language, others=others)
        self._env = env

    def page(self, *, token: str, zone: str, idle_s: float, view: View) -> str:
        """The whole page, with the stage in it."""
        return self._render("page.html", token=token, zone=zone, idle_s=idle_s, view=view)

    def stage(self, view: View) -> str:
        """What the door shows now."""
        if view.enrolment is not None:
            return self._render("enrolment.html", view=view, e=view.enrolment)
        return self._render("stage.html", view=view)

    def status(self, view: View) -> str:
        """The state of the link to headquarters."""
        return self._render("status.html", view=view)

    def panel(self, name: str, **values: object) -> str:
        """A panel that needs no answer: keypad, declare, languages, staff, enrol, dispute."""
        return self._render(f"{name}.html", **values)

    def notice(self, version_asked: str | None) -> str:
        """The notice; with buttons to agree when the door asks about that version."""
        return self._render("notice.html", asked=version_asked, notice=self._notice)

    def consent(self, given: Mapping[str, str]) -> str:
        """The notice for somebody who is about to be enrolled, with what the enroller `given`."""
        return self._render("consent.html", given=given, notice=self._notice)

    def answer(self, answer: Answer, view: View) -> str:
        """What the door answered to a request, to whoever has the view's session."""
        who = view.session.name if view.session else None
        match answer:
            case Day():
                return self._render("day.html", a=answer, who=who)
            case Month():
                return self._render("month.html", a=answer, who=who)
            case Oversight():
                return self._render("oversight.html", a=answer)
            case Condition():
                return self._render("condition.html", a=answer)
            case Refused(reason=reason):
                text = texts.REFUSALS.get(reason, texts.OTHER_REFUSAL)
                return self._render("refused.html", text=text)
            case Done():
                raise ValueError("what is done has no page: the panel closes")

    def _render(self, name: str, **values: object) -> str:
        return self._env.get_template(name).render(**values)


def panel_for(view: View) -> str | None:
    """The panel that opens by itself with a view: the notice that is asked about, a session."""
    if view.enrolment is not None:
        return None
    if view.notice is not None:
        return f"panels/notice?asked={quote(view.notice)}"
    if view.session is None:
        return None
    return "panels/day" if view.session.kind == "records" else "panels/staff"


def _countdown(seconds: int) -> Markup:
    return Markup("<span data-countdown>{}</span>").format(seconds)


def _month_before(month: str) -> str:
    return (date.fromisoformat(f"{month}-01") - timedelta(days=1)).isoformat()[:7]


def _month_after(month: str) -> str:
    return (date.fromisoformat(f"{month}-01") + timedelta(days=32)).isoformat()[:7]
