"""Closed sets and defaults that command lines show: no heavy library is needed to show them."""

ENGINES = ('auto', 'tensorflow', 'litert')
PRECISIONS = ('float32', 'float16', 'int8')
PRESETS = ('best', 'demo', 'posenet', 'smoke')
SPLITS = ('train', 'test')
MAP_EXPORTS = ('colmap', 'colmap-text', 'nerfstudio', 'ply', 'poses')
BAG_STORAGES = ('mcap', 'sqlite3')
REPLAYS = ('images', 'order')
POSE_FORMATS = ('cambridge', 'tum', 'kitti', 'hloc', 'colmap', 'euroc', '7scenes', 'nerfstudio',
                'nvm', 'g2o', 'toro')
STAMP_UNITS = ('s', 'ms', 'us', 'ns')
ASSOCIATION_KEYS = ('name', 'stamp', 'nearest', 'row')
ALIGNMENTS = ('none', 'se3', 'sim3')
DISTANCE_UNITS = ('f', 'd', 'r', 'm')  # of RPE, as evo's: frames, degrees, radians, metres
CORRUPTIONS = ('gaussian_noise', 'shot_noise', 'defocus_blur', 'motion_blur', 'fog', 'rain',
               'snow', 'occlusion', 'dark', 'overexposed', 'contrast')
GATE_LIMITS = ('max_distance_m', 'max_sigma_m', 'max_sigma_deg', 'max_jump_m', 'max_jump_deg',
               'reaccept_frames', 'max_age_s', 'max_place_score', 'reject_faulty_images',
               'reject_blurred_images', 'max_identical_images', 'min_sharpness')
SEVERITIES = range(1, 6)  # as ImageNet-C
MAX_IMAGES_OF_A_PLACE = 1000  # evenly spread: more would not change the result
FALSE_POSE_M = 1.0  # an accepted pose with a larger error is a false one
FALSE_POSE_DEG = 10.0  # as one that is turned by more
FAR_OFF_M = 5.0  # that an answer to a corrupted image is off by, to be counted
MAX_POSE_GAP_S = 0.2  # between two poses, to interpolate
