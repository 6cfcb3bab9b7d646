"""Write the report: scores with their anchors, players, learning curves, data and params, in one HTML file.

Reads data/scores, data/audio and metrics of everything that is built, writes data/report/index.html, and a model card
of each voice as data/report/<voice>/MODEL_CARD.md.
Example: ``tts report``.
"""

from __future__ import annotations


def run() -> None:
    """Write the report of everything that is built."""
    from pipeline.output import replaced_directory
    from pipeline.report import build_cards, build_report
    from pipeline.stage import stage

    with stage("report") as current:
        html = build_report(current.params, current.paths, current.executor)
        cards = build_cards(current.params, current.paths)
        with replaced_directory(current.paths.report) as folder:
            (folder / "index.html").write_text(html, encoding="utf-8")
            for name, card in cards.items():
                (folder / name).mkdir()
                (folder / name / "MODEL_CARD.md").write_text(card, encoding="utf-8")
        current.say(f"wrote {current.paths.report / 'index.html'}")
        current.say(f"{len(cards)} voices, {len(html) / 1e6:.1f} MB")
