"""Domain signals of access to the API. All are sent with ``send()``, inside the transaction of what they tell of.

``client_registered``: a client application was registered by a command (the console sends ``core.record_saved``).
    sender: ApiClient; actor: Actor; client; departments: list of Department
``secret_rotated``: a client got a new secret.
    sender: ApiClient; actor: Actor; client; until: datetime or None, to which the old one is good
``tokens_revoked``: all tokens and codes of a client were ended.
    sender: ApiClient; actor: Actor; client; count: int, of tokens
``token_revoked``: a client ended one of its own tokens. sender: the view; actor: Actor; client
``token_issued``: the token endpoint gave a token.
    sender: the view; actor: Actor; client; person: the user name of whom it acts for, or ""; grant, scope: str
``patient_token_issued``: a client got a token for one patient.
    sender: the view; actor: Actor; patient_id; scope: str; expires: datetime
``client_refused``: somebody failed to authenticate as a client, or showed a code or a refresh token that is not good.
    sender: the view; actor: Actor, anonymous; client: ApiClient or None when there is none of that id; error: str
``address_blocked``: an address has failed too often within a minute; once a minute and web process.
    sender: the throttle; actor: Actor, anonymous
"""

from django.dispatch import Signal

client_registered = Signal()
secret_rotated = Signal()
tokens_revoked = Signal()
token_revoked = Signal()
token_issued = Signal()
patient_token_issued = Signal()
client_refused = Signal()
address_blocked = Signal()
