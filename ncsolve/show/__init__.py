"""How answers look: documents, text, pages and pictures."""
