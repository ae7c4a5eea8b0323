/** Follow the system, or always light, or always dark. */
export type Theme = 'system' | 'light' | 'dark';

const KEY = 'parley.theme';

/** The choice kept on this device; `system` when none is, or storage is closed. */
export function savedTheme(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system';
  }
}

/** Applies a theme to the page: `color-scheme` follows the attribute, and every colour follows `color-scheme` (tokens.css). */
export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

/** Keeps and applies a choice. */
export function saveTheme(theme: Theme): void {
  applyTheme(theme);
  try {
    if (theme === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // A browser that keeps nothing still shows the choice until it is closed.
  }
}
