"""The supernet's training."""

from __future__ import annotations

from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import BLUE, Figures
from suite.wording import duration


def section(record: RunRecord, figures: Figures) -> Section | None:
    """How the shared weights learned."""
    supernet = record.supernet
    if supernet is None:
        return None
    losses = supernet["train_loss"]
    figure, (axes,) = figures.axes(height=3.8)
    axes.plot(range(1, len(losses) + 1), losses, "o-" if len(losses) < 20 else "-", color=BLUE)
    axes.set(xlabel="epoch", ylabel="training loss")
    alt = (
        f"The supernet's training loss goes from {losses[0]:.3f} to {losses[-1]:.3f} in {len(losses)} epochs."
    )
    image = figures.save(figure, "supernet", alt)
    settings = record.study.supernet
    text = (
        f"{len(losses)} epochs by the rule `{settings.step_rule}`, Adam at {settings.learning_rate:g}, batch "
        f"{settings.batch_size}, in {duration(supernet['seconds'])}."
    )
    return Section("The supernet", Markdown(f"{image}\n\n{text}"))
