import type { Page } from 'playwright-core'

/** Texts whose contrast to what they stand on is less than WCAG 2 (AA) asks for, 4.5 to 1. */
export function lowContrasts(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    // What fades in is judged when it is there.
    await Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {})))

    type Color = readonly [number, number, number, number]
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
    if (!canvas) throw new Error('no canvas')

    const colorOf = (text: string): Color => {
      canvas.clearRect(0, 0, 1, 1)
      canvas.fillStyle = text
      canvas.fillRect(0, 0, 1, 1)
      const [red = 0, green = 0, blue = 0, alpha = 0] = canvas.getImageData(0, 0, 1, 1).data
      return [red, green, blue, alpha / 255]
    }
    const over = ([r, g, b, alpha]: Color, below: Color): Color => [
      r * alpha + below[0] * (1 - alpha),
      g * alpha + below[1] * (1 - alpha),
      b * alpha + below[2] * (1 - alpha),
      1,
    ]
    const backgroundOf = (element: Element | null): Color => {
      if (!element) return [255, 255, 255, 1]
      const own = colorOf(getComputedStyle(element).backgroundColor)
      return own[3] === 1 ? own : over(own, backgroundOf(element.parentElement))
    }
    const luminance = ([r, g, b]: Color) => {
      const [red = 0, green = 0, blue = 0] = [r, g, b].map((value) => {
        const share = value / 255
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
      })
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    const contrast = (one: Color, other: Color) => {
      const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
      return (light + 0.05) / (dark + 0.05)
    }

    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const found: string[] = []
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      const element = text.parentElement
      if (!element || !text.textContent?.trim() || !element.checkVisibility({ opacityProperty: true })) continue
      // Said to screen readers alone.
      if (element.getBoundingClientRect().width <= 1) continue
      if (element.closest('style, script, noscript, [aria-hidden=true]')) continue
      const background = backgroundOf(element)
      const ratio = contrast(over(colorOf(getComputedStyle(element).color), background), background)
      if (ratio < 4.5) found.push(`${text.textContent.trim()}: ${ratio.toFixed(2)}`)
    }
    return found
  })
}
