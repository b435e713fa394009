"""What happens around signing in. All are sent with ``send()``, so a failing receiver stops the sender.

``second_factor_added``, ``second_factor_removed``: of a user; inside the transaction that did it.
    sender: the model; actor: Actor; user: User; kind: ``totp``, ``webauthn`` or ``recovery_codes``
``second_factor_refused``: a code or a key was wrong.
    sender: the form; actor: Actor; user: User; kind: ``code`` or ``key``
``recovery_code_used``: sender: the model; actor: Actor; user: User; left: int, codes
``sessions_ended``: sessions of a user were ended by themselves or by somebody else; inside the transaction.
    sender: the model; actor: Actor; user: User; count: int
``locked_out``: from now on tries are refused, once for as long as they are.
    sender: the guard; actor: Actor; scope: ``account``, ``code``, ``address``, ``device`` or ``overall``;
    username: str, as typed; until: datetime
``provider_linked``, ``provider_unlinked``: an account at the hospital's provider opens the user's account from now on,
    or does so no more; inside the transaction.
    sender: the model; actor: Actor; user: User; provider: str
``provider_used``: a user proved at the provider who they are; further steps may follow.
    sender: the model; actor: Actor; user: User; provider: str
"""

from django.dispatch import Signal

second_factor_added = Signal()
second_factor_removed = Signal()
second_factor_refused = Signal()
recovery_code_used = Signal()
sessions_ended = Signal()
locked_out = Signal()
provider_linked = Signal()
provider_unlinked = Signal()
provider_used = Signal()
