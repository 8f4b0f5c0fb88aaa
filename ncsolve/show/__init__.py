"""How answers look: documents (document.py reads what commands wrote), text, pages and pictures (gallery.py lists their kinds)."""
