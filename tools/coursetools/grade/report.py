"""The pages of a grading: feedback for each learner, and how many made which mistake."""

import re
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment

from coursetools.files import write_atomically
from coursetools.grade.results import STATES, Graded, tally

STYLE = """
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
         max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
  h2 { margin-top: 2.2rem; } h3 { margin: 1.6rem 0 .2rem; font-size: 1.05rem; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0;
           border-bottom: 1px solid #ddd; }
  td.number, th.number { text-align: right; white-space: nowrap; }
  .task { color: #555; margin: 0 0 .4rem; } .note { color: #8a3b00; }
  .bar { display: flex; height: .7rem; max-width: 30rem; margin: .3rem 0; }
  .right { background: #009e73; } .wrong { background: #d55e00; }
  .blank { background: #999; } .missing { background: #ddd; }
  summary { cursor: pointer; }
</style>
"""

LEARNER = """<!DOCTYPE html><html lang="en"><head>
<title>{{ learner }}</title>{{ style }}</head><body>
<h1>{{ learner }}</h1>
{% for one in graded %}
<h2>{{ one.notebook or "Not graded" }}</h2>
{% if one.is_graded %}
<p>{{ one.total }} of {{ one.questions | length }} right.
{% if one.status != "ok" %}<br>
<span class="note">Also noticed: {{ one.status }}.</span>{% endif %}</p>
{% for name in one.questions %}{% set answer = one.answers[name] %}
<h3>{{ name }}: {{ answer.state }}</h3>
<p class="task">{{ answer.task }}</p>
{% if answer.state != "not attempted" %}<p>{{ answer.message | sentence }}</p>{% endif %}
{% endfor %}
{% else %}
<p class="note">This could not be graded: {{ one.status }}.</p>
<p>That is not the same as no points. {{ one.status | advice }}</p>
{% endif %}
{% endfor %}
</body></html>
"""

CLASS = """<!DOCTYPE html><html lang="en"><head><title>The class</title>{{ style }}</head><body>
<h1>Which mistake did how many make?</h1>
{% for name, graded, tallies in chapters %}
<h2>{{ name or "Notebook unknown" }}</h2>
<p>{{ graded | length }} handed in,
{{ graded | selectattr("is_graded") | list | length }} graded.</p>
{% for one in tallies %}
<h3>{{ one.question }}</h3>
<p class="task">{{ one.task }}</p>
<div class="bar" role="img" aria-label="{{ one.states | counted }}">
{% for state, count in one.states.items() %}{% if count %}<span
  class="{{ classes[state] }}" style="flex: {{ count }}"></span>{% endif %}{% endfor %}</div>
<p>{{ one.states | counted }}</p>
{% if one.mistakes %}<table><thead><tr><th class="number">made by</th><th>mistake</th></tr></thead>
<tbody>{% for message, learners in one.mistakes %}
<tr><td class="number">{{ learners | length }}</td><td>{{ message }}
<details><summary>who</summary>{{ learners | join(", ") }}</details></td></tr>{% endfor %}
</tbody></table>{% endif %}
{% endfor %}
{% set noticed = graded | rejectattr("status", "equalto", "ok") | list %}
{% if noticed %}<h3>To look at</h3>
<table><tbody>{% for one in noticed %}
<tr><td>{{ one.learner }}</td><td>{{ one.status }}</td>
<td>{{ "graded" if one.is_graded else "not graded" }}</td></tr>{% endfor %}
</tbody></table>{% endif %}
{% endfor %}
</body></html>
"""

CLASSES = dict(zip(STATES, ("right", "wrong", "blank", "missing"), strict=True))
ADVICE = {
    "time-out": "A cell runs too long: look for a loop that does not end.",
    "crash": "Restart the kernel and run all cells; the one named stops Python itself.",
    "unreadable": "Save the notebook again as an .ipynb file and hand that in.",
    "empty folder": "No file arrived: hand it in again.",
    "handed in twice": "Say which of the files is to count.",
    "unknown": "Hand in the course's notebook with your answers in it.",
}


def _sentence(message):
    words = re.sub(r"^(not yet|right)\.\s*", "", message)
    return words[:1].upper() + words[1:]


def _advice(status):
    return next((words for kind, words in ADVICE.items() if kind in status), "")


def _counted(states):
    return ", ".join(f"{count} {state}" for state, count in states.items() if count)


def _page(template, **values):
    jinja = Environment(autoescape=True)
    jinja.filters |= {"sentence": _sentence, "advice": _advice, "counted": _counted}
    style = jinja.from_string("{{ style | safe }}").render(style=STYLE)
    return jinja.from_string(template.replace("{{ style }}", style)).render(**values)


def learner_page(graded: list[Graded]) -> str:
    """Return the feedback of one learner: each question with its diagnosis.

    Args:
        graded: the learner's submissions.
    """
    return _page(LEARNER, learner=graded[0].learner, graded=graded)


def _last(item):
    """Sort what belongs to no notebook behind the others."""
    return not item[0], item[0]


def class_page(graded: Iterable[Graded]) -> str:
    """Return the page of the class: for each question, which mistake did how many make."""
    notebooks = {}
    for one in graded:
        notebooks.setdefault(one.notebook, []).append(one)
    chapters = [(name, own, tally(own)) for name, own in sorted(notebooks.items(), key=_last)]
    return _page(CLASS, chapters=chapters, classes=CLASSES)


def write_pages(graded: list[Graded], folder: Path) -> None:
    """Write `class.html` and `feedback/<learner>.html` into a folder."""
    learners = {}
    for one in graded:
        learners.setdefault(one.learner.casefold(), []).append(one)
    taken = set()
    for own in learners.values():
        name = stem = re.sub(r"[^\w .-]+", "-", own[0].learner).strip(" .") or "learner"
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        write_atomically(folder / "feedback" / f"{name}.html", learner_page(own))
    write_atomically(folder / "class.html", class_page(graded))
