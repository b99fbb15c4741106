// The mark of the program: seven voices, one of them leading.

export function Brand({ size = 18 }: { size?: number }) {
  const bars = [5, 9, 13, 16, 12, 8, 5];
  return (
    <svg width={size} height={size} viewBox="0 0 18 18" aria-hidden="true" className="shrink-0 text-accent-ink">
      {bars.map((height, index) => (
        <rect
          key={index}
          x={0.4 + index * 2.5}
          y={(18 - height) / 2}
          width="1.7"
          height={height}
          rx="0.85"
          fill="currentColor"
          opacity={index === 3 ? 1 : 0.55}
        />
      ))}
    </svg>
  );
}
