"""What a reader moves: `base` (text instead where nothing moves), `pad` (draw), `live` (watch a training); a file a widget."""
