"""Pictures of sessions, for `render_mode="rgb_array"`; Pillow is imported when the first is drawn."""
