/**
 * As much of a document as React needs to draw text in elements: enough to see what a hook does when components are
 * mounted, drawn again and unmounted. What browsers do besides is tested in one.
 */
class Node extends EventTarget {
  readonly nodeType: number
  readonly nodeName: string
  readonly ownerDocument: Document | null
  readonly childNodes: Node[] = []
  parentNode: Node | null = null
  readonly #text: { value: string }

  constructor(nodeType: number, nodeName: string, ownerDocument: Document | null) {
    super()
    this.nodeType = nodeType
    this.nodeName = nodeName
    this.ownerDocument = ownerDocument
    this.#text = { value: '' }
  }

  get firstChild(): Node | null {
    return this.childNodes[0] ?? null
  }

  get lastChild(): Node | null {
    return this.childNodes.at(-1) ?? null
  }

  get nextSibling(): Node | null {
    const siblings = this.parentNode?.childNodes ?? []
    return siblings[siblings.indexOf(this) + 1] ?? null
  }

  get nodeValue(): string {
    return this.#text.value
  }

  set nodeValue(text: string) {
    this.#text.value = text
  }

  get textContent(): string {
    return this.childNodes.reduce((text, child) => text + child.textContent, this.#text.value)
  }

  set textContent(text: string) {
    this.childNodes.length = 0
    this.#text.value = text
  }

  appendChild(child: Node): Node {
    return this.insertBefore(child, null)
  }

  insertBefore(child: Node, before: Node | null): Node {
    child.parentNode?.removeChild(child)
    const place = before ? this.childNodes.indexOf(before) : this.childNodes.length
    this.childNodes.splice(place, 0, child)
    child.parentNode = this
    return child
  }

  removeChild(child: Node): Node {
    this.childNodes.splice(this.childNodes.indexOf(child), 1)
    child.parentNode = null
    return child
  }
}

class Element extends Node {
  readonly namespaceURI = 'http://www.w3.org/1999/xhtml'
  readonly style = {}

  get tagName(): string {
    return this.nodeName
  }

  setAttribute(): void {}
}

class Document extends Node {
  readonly documentElement: Element
  readonly body: Element
  readonly activeElement = null

  constructor() {
    super(9, '#document', null)
    this.documentElement = this.createElement('html')
    this.body = this.createElement('body')
    this.appendChild(this.documentElement)
    this.documentElement.appendChild(this.body)
  }

  get defaultView(): typeof globalThis {
    return globalThis
  }

  createElement(name: string): Element {
    return new Element(1, name.toUpperCase(), this)
  }

  createTextNode(text: string): Node {
    const node = new Node(3, '#text', this)
    node.nodeValue = text
    return node
  }
}

/** A document, where React looks for one. */
export function makeDocument(): { readonly body: { readonly textContent: string } } {
  const document = new Document()
  Object.assign(globalThis, { document, window: globalThis, HTMLIFrameElement: class {} })
  return document
}
