/** The shapes that the app knows: which field names the type, and where the others are. */
export const shapes = {
  'event_type/data': (type: string, data: object): object => ({ event_type: type, data }),
  'type/data': (type: string, data: object): object => ({ type, data }),
  'event_type/flat': (type: string, data: object): object => ({ event_type: type, ...data }),
  'type/flat': (type: string, data: object): object => ({ type, ...data }),
} as const

/** The name of one of {@link shapes}. */
export type Shape = keyof typeof shapes

/** Whether there is such a shape. */
export function isShape(name: string): name is Shape {
  return Object.hasOwn(shapes, name)
}
