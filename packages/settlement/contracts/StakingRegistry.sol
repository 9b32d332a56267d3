// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

/// @title Stakes of members
/// @notice An account is a member's settlement key (secp256k1). It names the member's peer id, and carries the signature
/// of the peer's own key (Ed25519), which this chain cannot check: clients do, and ignore members for which it is wrong.
/// So nobody can take a peer id by registering it first. A stake that is being withdrawn stays liable until it is paid
/// out, one that a job needs cannot be withdrawn, and one that a verdict is open on waits for its end.
contract StakingRegistry is ReentrancyGuard {
    struct Member {
        /// Public key of the peer, Ed25519; 0: not registered.
        bytes32 peerKey;
        uint128 staked;
        /// Of that, what jobs need; after a slash it may be more than there is.
        uint128 locked;
        /// On its way out, and liable still.
        uint128 unbonding;
        /// When that may be taken, in seconds since 1970.
        uint64 releaseTime;
        /// Nothing may be taken before, whatever its release.
        uint64 heldUntil;
    }

    /// Seconds between asking for a stake and getting it.
    uint64 public immutable unbondingSeconds;
    uint128 public immutable minimumStake;
    /// The only contract that may take and hold stakes.
    address public immutable slasher;
    /// The only contract that may lock stakes: the escrow of jobs.
    address public immutable locker;

    mapping(address account => Member) private _members;
    /// Sum of all stakes, those that are being withdrawn included: what this contract holds at least.
    uint256 public totalStaked;

    event Registered(address indexed account, bytes32 indexed peerKey, bytes peerSignature);
    event Staked(address indexed account, uint256 amount, uint256 staked);
    event Unbonding(address indexed account, uint256 amount, uint64 releaseTime);
    event Withdrawn(address indexed account, uint256 amount);
    event Slashed(address indexed account, uint256 amount, address indexed to);
    event Locked(address indexed account, uint256 locked);
    event Held(address indexed account, uint64 until);

    error NotRegistered(address account);
    error AlreadyRegistered(address account);
    error MalformedBinding();
    error BelowMinimum(uint256 staked, uint256 minimum);
    error AboveFreeStake(uint256 amount, uint256 free);
    error NothingUnbonding(address account);
    error NotReleased(uint64 releaseTime);
    error StakeHeld(uint64 until);
    error NotSlasher(address caller);
    error NotLocker(address caller);
    error TooMuch(uint256 amount);

    constructor(address slasher_, address locker_, uint128 minimumStake_, uint64 unbondingSeconds_) {
        slasher = slasher_;
        locker = locker_;
        minimumStake = minimumStake_;
        unbondingSeconds = unbondingSeconds_;
    }

    /// @notice Binds this account to a peer, once and for all, and stakes what is sent with it.
    /// @param peerKey public key of the peer, Ed25519
    /// @param peerSignature its signature over `bindingHash`, 64 bytes; checked by clients
    function register(bytes32 peerKey, bytes calldata peerSignature) external payable {
        Member storage member = _members[msg.sender];
        if (member.peerKey != 0) revert AlreadyRegistered(msg.sender);
        if (peerKey == 0 || peerSignature.length != 64) revert MalformedBinding();
        member.peerKey = peerKey;
        emit Registered(msg.sender, peerKey, peerSignature);
        _stake(member, msg.value);
    }

    function stake() external payable {
        Member storage member = _members[msg.sender];
        if (member.peerKey == 0) revert NotRegistered(msg.sender);
        _stake(member, msg.value);
    }

    /// @notice Asks for a part of the stake that no job needs. What is left must be 0 or reach the minimum. Asking again for
    /// more puts the release of all of it off.
    function unbond(uint128 amount) external {
        Member storage member = _members[msg.sender];
        uint128 free = _free(member);
        if (amount == 0 || amount > free) revert AboveFreeStake(amount, free);
        uint128 left = member.staked - amount;
        if (left != 0 && left < minimumStake) revert BelowMinimum(left, minimumStake);
        member.staked = left;
        member.unbonding += amount;
        member.releaseTime = uint64(block.timestamp) + unbondingSeconds;
        emit Unbonding(msg.sender, amount, member.releaseTime);
    }

    /// @notice Takes what was asked for, once its time is over.
    function withdraw() external nonReentrant {
        Member storage member = _members[msg.sender];
        uint128 amount = member.unbonding;
        if (amount == 0) revert NothingUnbonding(msg.sender);
        uint64 from = member.releaseTime > member.heldUntil ? member.releaseTime : member.heldUntil;
        if (block.timestamp < from) revert NotReleased(from);
        member.unbonding = 0;
        totalStaked -= amount;
        emit Withdrawn(msg.sender, amount);
        Address.sendValue(payable(msg.sender), amount);
    }

    /// @notice Takes a part of a member's stake, of what is being withdrawn first, and pays it out.
    /// @param amounts what each receiver gets; together at most all that the account is liable with
    function slash(address account, address payable[] calldata receivers, uint256[] calldata amounts)
        external
        nonReentrant
    {
        if (msg.sender != slasher) revert NotSlasher(msg.sender);
        uint256 total;
        for (uint256 k = 0; k < amounts.length; k++) total += amounts[k];
        Member storage member = _members[account];
        uint256 leaving = member.unbonding;
        if (total > leaving + member.staked) revert TooMuch(total);
        uint256 fromLeaving = total < leaving ? total : leaving;
        member.unbonding = uint128(leaving - fromLeaving);
        member.staked = uint128(member.staked - (total - fromLeaving));
        totalStaked -= total;
        for (uint256 k = 0; k < receivers.length; k++) {
            emit Slashed(account, amounts[k], receivers[k]);
            Address.sendValue(receivers[k], amounts[k]);
        }
    }

    /// @notice Nothing of an account's stake may be taken before.
    function hold(address account, uint64 until) external {
        if (msg.sender != slasher) revert NotSlasher(msg.sender);
        Member storage member = _members[account];
        if (until <= member.heldUntil) return;
        member.heldUntil = until;
        emit Held(account, until);
    }

    /// @notice Reserves a part of a free stake for a job; one that a verdict is open on takes no new job.
    function lock(address account, uint128 amount) external {
        if (msg.sender != locker) revert NotLocker(msg.sender);
        Member storage member = _members[account];
        if (member.peerKey == 0) revert NotRegistered(account);
        if (block.timestamp < member.heldUntil) revert StakeHeld(member.heldUntil);
        uint128 free = _free(member);
        if (amount > free) revert AboveFreeStake(amount, free);
        member.locked += amount;
        emit Locked(account, member.locked);
    }

    function unlock(address account, uint128 amount) external {
        if (msg.sender != locker) revert NotLocker(msg.sender);
        Member storage member = _members[account];
        member.locked -= amount;
        emit Locked(account, member.locked);
    }

    function memberOf(address account) external view returns (Member memory) {
        return _members[account];
    }

    /// @notice What an account can lose, in wei.
    function liable(address account) public view returns (uint256) {
        Member storage member = _members[account];
        return uint256(member.staked) + member.unbonding;
    }

    /// @notice What a peer signs with its own key: it belongs to this account, here and on this chain alone. Clients take the
    /// first account of a peer, since its key may have signed for several.
    function bindingHash(address account, bytes32 peerKey) public view returns (bytes32) {
        return keccak256(abi.encode("tempered/settlement/binding/1", block.chainid, address(this), account, peerKey));
    }

    function _free(Member storage member) private view returns (uint128) {
        return member.staked > member.locked ? member.staked - member.locked : 0;
    }

    function _stake(Member storage member, uint256 amount) private {
        uint256 staked = member.staked + amount;
        if (staked < minimumStake) revert BelowMinimum(staked, minimumStake);
        if (staked > type(uint128).max) revert TooMuch(amount);
        member.staked = uint128(staked);
        totalStaked += amount;
        emit Staked(msg.sender, amount, staked);
    }
}
