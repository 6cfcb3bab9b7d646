"""Write the report: scores with their anchors, players, learning curves, data and params, in one HTML file.

Reads data/scores, data/audio and metrics of everything that is built, writes data/report/index.html.
Example: ``tts report``.
"""

from __future__ import annotations


def run() -> None:
    """Write the report of everything that is built."""
    from pipeline.output import replaced_directory
    from pipeline.report import build_report
    from pipeline.stage import stage

    with stage("report") as current:
        html = build_report(current.params, current.paths, current.executor)
        with replaced_directory(current.paths.report) as folder:
            (folder / "index.html").write_text(html, encoding="utf-8")
        current.say(f"wrote {current.paths.report / 'index.html'}")
        current.say(f"{len(current.params.run.voices)} voices, {len(html) / 1e6:.1f} MB")
