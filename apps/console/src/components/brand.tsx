import { Group, Text } from '@mantine/core'

/** The console's name, with its mark. */
export function Brand() {
  return (
    <Group gap="xs" wrap="nowrap">
      <img src={`${import.meta.env.BASE_URL}mark.svg`} alt="" width={26} height={26} />
      <Text component="span" fw={650} size="lg" lh={1}>
        Millrace
      </Text>
    </Group>
  )
}
