"""One self-contained HTML page about tuning sessions: pictures stand in it as SVG, and nothing is fetched. In: `Report`. Out: text.

`report.html.jinja` is the page; Jinja escapes every text that comes from a database.
"""

from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tilewright.report.figures import PANELS, curves_figure, model_time_figure, predictions_figure, time_figure
from tilewright.report.make_report import Report
from tilewright.tune_views.wording import duration, milliseconds, speedup

TEMPLATE = "report.html.jinja"
MOST_TEXTS = 12  # of one kind of error


def render_page(report: Report, written: datetime) -> str:
    """written: printed at the foot."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"ms": milliseconds, "duration": duration}
    environment.globals |= {"speedup": speedup}
    return environment.get_template(TEMPLATE).render(
        report=report,
        data=report.data,
        figures=_figures(report),
        panels=PANELS,
        most_texts=MOST_TEXTS,
        written=written.isoformat(sep=" ", timespec="minutes"),
    )


def _figures(report: Report) -> dict[str, Markup]:
    """By name; those that would be empty are left out. Matplotlib escapes what it writes."""
    data = report.data
    times = [each for each in report.model_times if each.points]
    drawn = {
        "model": model_time_figure(times) if times else "",
        "curves": curves_figure(report.curves) if report.curves else "",
        "time": time_figure(data.times) if data.times else "",
        "predictions": predictions_figure(report.predictions, data) if report.predictions.trials else "",
    }
    return {name: Markup(svg) for name, svg in drawn.items() if svg}
