"""Write the report: scores with their anchors, players, learning curves, data and params, in one HTML file.

Reads data/scores, data/audio and metrics of everything that is built, writes data/report/index.html, and a model card
of each voice as data/report/<voice>/MODEL_CARD.md; where runs learn new voices from one model, new_voices.html beside
it compares them, and their models speak.
Example: ``tts report``.
"""

from __future__ import annotations


def run() -> None:
    """Write the report of everything that is built."""
    from pipeline.output import replaced_directory
    from pipeline.report import build_cards, build_report, built_runs
    from pipeline.report_new_voices import choices, new_voices_page
    from pipeline.stage import stage

    with stage("report") as current:
        params, paths = current.params, current.paths
        html = build_report(params, paths, current.executor)
        cards = build_cards(params, paths)
        found = choices(params, paths, built_runs(params))
        with replaced_directory(paths.report) as folder:
            (folder / "index.html").write_text(html, encoding="utf-8")
            for name, card in cards.items():
                (folder / name).mkdir()
                (folder / name / "MODEL_CARD.md").write_text(card, encoding="utf-8")
            if found:
                compared = new_voices_page(params, paths, found)
                (folder / "new_voices.html").write_text(compared, encoding="utf-8")
        current.say(f"wrote {paths.report / 'index.html'}{' and new_voices.html' if found else ''}")
        current.say(f"{len(cards)} voices, {len(html) / 1e6:.1f} MB")
