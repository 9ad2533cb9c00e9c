"""Senders whose truth is known from how they are made. One file a kind.

Each function takes the ground and a dose, and returns a plant for the sender's side.
"""
