"""Design, the inverse question: from what is wanted of the geometry to the decay, the count, the weights that give it.

One file per question. Every answer is a frozen value that carries what is predicted on both sides of it (side.py).
"""
