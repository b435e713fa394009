"""The demo hospital: fictional and believable, the same for the same seed, size and moment.

``names`` and ``hospital`` hold what it is made of; ``people``, ``slots`` and ``visits`` write it, set by set;
``build`` puts it together. No person in it exists: names are combined at random from common given and family names,
addresses end in ``.example`` (RFC 2606), phone numbers come from ranges that are set aside for fiction.
"""
