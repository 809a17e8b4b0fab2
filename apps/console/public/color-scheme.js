// Before the first paint: the theme that was chosen (app/theme.ts), so that nothing flashes. A file of its own, as the page
// may run no inline script.
{
  let chosen = null
  try {
    chosen = localStorage.getItem('millrace.color-scheme')
  } catch {
    // The browser keeps nothing for this page: it follows the system.
  }
  const dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light')
}
