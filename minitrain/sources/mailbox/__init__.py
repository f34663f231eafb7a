"""The mailbox: endless labelled mail, month by month, and a spammer who adapts. Every mail can say which choices made it.

>>> from minitrain.sources.mailbox import Mailbox
>>> mail = Mailbox(spam=0.4).draw(1, seed=0, month=3)[0]
>>> mail.label, mail.kind
(1, 'casino')
"""
from minitrain.sources.mailbox.mail import Mail
from minitrain.sources.mailbox.source import Mailbox
from minitrain.sources.mailbox.spammer import DISGUISES, Spammer, Tactic, disguise

__all__ = ["DISGUISES", "Mail", "Mailbox", "Spammer", "Tactic", "disguise"]
