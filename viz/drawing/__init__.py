"""What all pictures are made of: cards, wires, colours, and the file they end up in.

Colours with one meaning each (`palette`), safe text, the card that all pictures are made of, a
picture being put together, in words for who cannot see it (`spoken`), saved and displayed
(`figure`, `page`).
"""
