"""The question: one problem, its losses, its raw objective, its words, its errors. Imports no other room."""
