"""What tests ask of pictures."""


def labeled(axes):
    """The lines of axes that the legend names."""
    return {
        line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")
    }


def drawn(axes):
    """Draw the figure: mistakes in text and ticks show here."""
    axes.get_figure().draw_without_rendering()
    return axes
