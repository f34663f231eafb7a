"""Learning from reward: from a slot machine over a maze to policies under the one Trainer."""
